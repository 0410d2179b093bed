"""Sums over examples: within 4 eps of the dtype, on every backend, against `math.fsum`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.conftest import open_backend
from xpnet import sums
from xpnet.backends import Backend, get_backend, to_numpy
from xpnet.metrics import AUC, METRICS, R2

LENGTHS = (1, 100, 20_003)
VALUES = (0.1, 0.7, 1 / 3, 3e4 + 1, 0.123)


def without_float64() -> Backend | None:
    """array-api-strict's device that has no float64."""
    if not isinstance(open_backend("array-api-strict"), Backend):
        return None
    xp = pytest.importorskip("array_api_strict")
    return get_backend("array-api-strict", xp.Device("no_float64"))


def check(backend, x, dtype, axis):
    """The sum of x along an axis, against the exact one."""
    given = backend.from_numpy(x.astype(dtype))
    got = to_numpy(sums.total(backend.xp, given, axis)).astype(np.float64)
    mean = to_numpy(sums.mean(backend.xp, given, axis)).astype(np.float64) * x.shape[axis]
    rows = np.moveaxis(x.astype(dtype).astype(np.float64), axis, -1)
    exact = np.asarray([math.fsum(row) for row in rows.reshape(-1, rows.shape[-1])])
    size = np.abs(rows).sum(axis=-1).reshape(-1)
    for found in (got, mean):
        assert np.all(np.abs(found.reshape(-1) - exact) <= 4 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", LENGTHS)
def test_sums_of_equal_numbers_and_of_both_signs_are_exact_to_4_eps(backend, n, dtype):
    x = np.repeat(np.asarray(VALUES)[None, :], n, axis=0)
    y = np.random.default_rng(n).normal(size=(n, 3))
    for rows in (x, y):
        check(backend, rows, dtype, -2)
        check(backend, rows.T, dtype, -1)
    check(backend, np.stack([x, x[::-1]]), dtype, -2)


@pytest.mark.parametrize("n", LENGTHS)
def test_a_device_without_float64_adds_in_pairs(n):
    backend = without_float64()
    if backend is None:
        pytest.skip("array-api-strict is not installed")
    x = np.repeat(np.asarray(VALUES)[None, :], n, axis=0)
    assert sums.float64_of(backend.xp, backend.from_numpy(x.astype("float32"))) is None
    check(backend, x, "float32", -2)
    check(backend, x.T, "float32", -1)


def test_jax_without_its_64_bit_mode_adds_in_pairs(monkeypatch):
    if not isinstance(open_backend("jax"), Backend):
        pytest.skip("JAX is not installed")
    import jax

    backend = get_backend("jax")
    x = np.repeat(np.asarray(VALUES)[None, :], 20_000, axis=0)
    jax.config.update("jax_enable_x64", False)
    try:
        check(backend, x, "float32", -2)
        check(backend, x.T, "float32", -1)
    finally:
        jax.config.update("jax_enable_x64", True)


def test_ten_million_rows_of_float32():
    x = np.full((10_000_000, 1), 0.7, np.float32)
    exact = 10_000_000 * float(np.float32(0.7))
    assert float(sums.total(np, x, -2)[0]) == pytest.approx(exact, rel=1e-12)
    assert float(sums.total(np, x[:, 0])) == pytest.approx(exact, rel=1e-12)
    assert float(sums.of_squares(np, x[:, 0])) == pytest.approx(exact * float(x[0, 0]), rel=5e-7)
    assert METRICS["mae"](np, x, np.zeros_like(x)) == pytest.approx(exact / 1e7, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 256, 5_003])
def test_squares_and_cumulative_sums(backend, n, dtype):
    eps = float(np.finfo(dtype).eps)
    x = np.random.default_rng(n).uniform(0.5, 1.5, n).astype(dtype)
    wide = x.astype(np.float64)
    given = backend.from_numpy(x)
    squares = float(sums.of_squares(backend.xp, given))
    assert squares == pytest.approx(math.fsum(wide * wide), rel=4 * eps)
    steps = to_numpy(sums.cumulative(backend.xp, backend.from_numpy(wide)))
    assert steps.shape == (n,)
    assert np.allclose(steps, np.cumsum(wide.astype(np.longdouble)), rtol=1e-14, atol=0)


# --- metrics


def metric_of(backend, metric, *arrays):
    return metric(backend.xp, *(None if x is None else backend.from_numpy(x) for x in arrays))


def test_auc_with_equal_weights_is_that_without(backend):
    rng = np.random.default_rng(0)
    n = 200_000
    Y = rng.integers(0, 2, (n, 1)).astype(np.float32)
    A = (rng.random((n, 1)) + 0.2 * Y).astype(np.float32)
    plain = metric_of(backend, AUC(), A, Y)
    assert metric_of(backend, AUC(), A, Y, np.full(n, 0.7, np.float32)) == plain
    assert 0.6 < plain < 0.7


def test_mean_absolute_error_of_many_constant_errors(backend):
    A = np.full((800_000, 4), 0.1, np.float32)
    got = metric_of(backend, METRICS["mae"], A, np.zeros_like(A))
    assert got == pytest.approx(float(np.float32(0.1)), rel=1e-7)
    assert metric_of(backend, METRICS["rmse"], A, np.zeros_like(A)) == pytest.approx(got, rel=1e-7)


def test_metrics_of_a_device_without_float64_are_those_of_float64():
    backend = without_float64()
    if backend is None:
        pytest.skip("array-api-strict is not installed")
    rng = np.random.default_rng(1)
    A = rng.random((20_000, 1)).astype(np.float32)
    Y = (A + rng.normal(size=A.shape) > 0.5).astype(np.float32)
    w = rng.random(20_000).astype(np.float32)
    for name in ("auc", "mae", "r2", "accuracy", "f1"):
        here, host = metric_of(backend, METRICS[name], A, Y, w), METRICS[name](np, A, Y, w)
        assert here == pytest.approx(host, abs=3e-7)


def test_r2_of_large_means_in_float32(backend):
    rng = np.random.default_rng(2)
    Y = (3e4 + rng.normal(size=(50_000, 2))).astype(np.float32)
    A = (Y + rng.normal(size=Y.shape) * 0.5).astype(np.float32)
    y, a = Y.astype(np.float64), A.astype(np.float64)
    exact = np.mean(1 - ((y - a) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0))
    assert metric_of(backend, R2(), A, Y) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("batches", [1, 2])
def test_r2_of_a_constant_target_whose_first_example_is_missing_is_0(backend, batches):
    Y = np.full((6, 2), 0.1, np.float32)
    Y[0] = np.nan
    Y[:3, 1] = np.nan  # of two batches the first has none at all
    A = np.full_like(Y, 0.3)
    parts = [
        to_numpy(
            R2().statistics(backend.xp, backend.from_numpy(a), backend.from_numpy(y), None, None)
        )
        for a, y in zip(np.split(A, batches), np.split(Y, batches), strict=True)
    ]
    assert R2().of_parts(parts) == 0.0
    exact = [np.nan_to_num(Y, nan=0.1), Y]
    assert metric_of(backend, R2(), *exact) == 1.0


def test_auc_takes_a_target_of_one_half_as_class_0(backend):
    A = np.asarray([[0.9], [0.2], [0.1]])
    Y = np.asarray([[0.5], [0.51], [0.0]])  # the only positive one ranks between the negatives
    assert metric_of(backend, AUC(), A, Y) == 0.5

"""Sums over examples are within 4 eps of `math.fsum` on every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest

import xpnet
from tests.support import cuda_cases
from tests.support.backends import open_backend
from tests.support.cuda_cases import needs_gxx
from tests.support.fake_cupy import install
from tests.support.fused_cases import case, program_of, run_source
from tests.support.helpers import needed, needs_jax
from xpnet.backends import Backend, get_backend, to_numpy
from xpnet.engines.cuda import kernels as cuda_kernels
from xpnet.equations import sums
from xpnet.equations.parameters import Layout
from xpnet.equations.penalties import Penalty
from xpnet.layers import BatchNorm, Dense
from xpnet.metrics import AUC, METRICS, R2
from xpnet.optimizers import Clipped, get_optimizer

LENGTHS = (1, 100, 20_003)
VALUES = (0.1, 0.7, 1 / 3, 3e4 + 1, 0.123)


def without_float64() -> Backend:
    """Return array-api-strict's device that has no float64."""
    xp = needed("array_api_strict")
    return get_backend("array-api-strict", xp.Device("no_float64"))


def check(backend, x, dtype, axis):
    """Compare the sum of x along an axis with the exact one."""
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
    x = np.repeat(np.asarray(VALUES)[None, :], n, axis=0)
    assert sums.float64_of(backend.xp, backend.from_numpy(x.astype("float32"))) is None
    check(backend, x, "float32", -2)
    check(backend, x.T, "float32", -1)


@needs_jax
@pytest.mark.usefixtures("narrow_jax")
def test_jax_without_its_64_bit_mode_adds_in_pairs():
    backend = get_backend("jax")
    x = np.repeat(np.asarray(VALUES)[None, :], 20_000, axis=0)
    check(backend, x, "float32", -2)
    check(backend, x.T, "float32", -1)


@pytest.mark.slow
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
    Y[:3, 1] = np.nan  # the first of two batches has no target of column 1
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
    Y = np.asarray([[0.5], [0.51], [0.0]])  # the only positive is between the negatives
    assert metric_of(backend, AUC(), A, Y) == 0.5


# --- a training step


def large_means(n):
    """Return examples with one column of 3e4 ± 1, and labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    X[:, 1] = 3e4 + np.where(np.arange(n) % 2, 1, -1)
    X[:, 2] = 3e4 + 0.7
    return X, (X[:, 0] > 0).astype(int)


def check_statistics(X, found):
    """Compare running mean and variance (momentum 0.5) after one step with those in float64."""
    exact = X.astype(np.float64)
    mean, variance = exact.mean(axis=0) / 2, (1 + exact.var(axis=0, ddof=1)) / 2
    eps = np.finfo(np.float32).eps
    got = [to_numpy(x).astype(np.float64).reshape(-1) for x in found]
    assert np.all(np.abs(got[0] - mean) <= 4 * eps * np.abs(exact).mean(axis=0))
    assert np.allclose(got[1][[0, 1, 3]], variance[[0, 1, 3]], rtol=1e-4)


def normalised(backend):
    layers = [4, BatchNorm(momentum=0.5), Dense(3), 2]
    return xpnet.Network(layers, loss="cross_entropy", backend=backend, rng=1)


def test_batch_norm_of_20_000_rows_with_large_means(backend):
    X, Y = large_means(20_000)
    net = normalised(backend)
    net.fit(X, Y, epochs=1, batch_size=None, compile=False)
    check_statistics(X, net.statistics)


def test_batch_norm_in_compiled_loops():
    X, Y = large_means(1500)
    fixed = case(normalised("numpy"), X, Y, optimizer=get_optimizer("sgd"), steps=1)
    state, _ = run_source(fixed, program_of(fixed, gathers=False), gathers=False)
    check_statistics(X, state.stats)


@needs_gxx
def test_batch_norm_in_cuda_kernels(monkeypatch):
    """With one block, so that a thread adds many rows."""
    install(monkeypatch, kernels=True)
    monkeypatch.setattr(cuda_kernels, "_TILE_STRIPS", 1)
    X, Y = large_means(3000)
    net = normalised("cupy")
    history = net.fit(X, Y, epochs=1, batch_size=None)
    assert history.engine == "kernels"
    check_statistics(X, net.statistics)


def test_single_rows_add_up_in_float64_in_programs():
    """An example is the gradient's norm, which `Clipped` computes."""
    X, Y = large_means(8)
    optimizer = Clipped(get_optimizer("sgd"), norm=1.0)
    fixed = case(normalised("numpy"), X, Y, optimizer=optimizer, steps=1)
    assert "s = f64(0.0)" in program_of(fixed).source
    assert "double, plus<double>" in cuda_cases.program_of(fixed).source


def test_the_losses_of_many_examples(backend):
    """Check Σ w loss of a step and the mean of `evaluate`, for equal losses and weights."""
    n = 100_003
    net = xpnet.Network([1, 1], loss="mean_squared_error", backend=backend)
    net.set_parameters(np.zeros(2))
    X, Y = np.zeros((n, 1), np.float32), np.full((n, 1), np.sqrt(0.7), np.float32)
    exact = float((Y[0, 0] * Y[0, 0]).astype(np.float32))
    for w in (None, np.full(n, 0.3)):
        assert net.value_and_gradient(X, Y, w)[0] == pytest.approx(exact, rel=4e-7)
        assert net.evaluate(X, Y, w)["loss"] == pytest.approx(exact, rel=1e-12)
    history = net.fit(X, Y, epochs=1, batch_size=None, learning_rate=0.0, compile=False)
    assert history.loss[0] == pytest.approx(exact, rel=2e-7)


def test_a_penalty_on_many_weights(backend):
    theta = backend.from_numpy(np.full(300_007, 0.7, np.float32))
    layout, W = Layout(300_007, 300_007, ()), float(np.float32(0.7))
    value = float(Penalty(l1=0.5, l2=2.0).value(backend.xp, theta, layout))
    assert value == pytest.approx(300_007 * (0.5 * W + W * W), rel=3e-7)


def test_torch_is_asked_once_whether_the_device_has_float64(monkeypatch):
    torch = needed("torch")
    backend = open_backend("torch")
    x = backend.from_numpy(np.ones(20, np.float32))
    sums.total(backend.xp, x)
    made = []
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: made.append(a) or empty(*a, **k))
    sums.total(backend.xp, x)
    assert not made

"""Activations and their derivative products, compared with mpmath and with each other."""

from __future__ import annotations

from functools import cache

import mpmath as mp
import numpy as np
import pytest

from tests.support.exact import FUNCTIONS
from tests.support.helpers import relative
from xpnet.backends import move, to_numpy
from xpnet.equations.activations import ACTIVATIONS

ELEMENTWISE = sorted(FUNCTIONS)
EDGE = (0.0, 1e-300, -1e-300, 1e-8, -1e-8, 0.5, -0.5, 1.0, -1.0, 16.7, -16.7, 37.0, -37.0)


def points(dtype: str) -> np.ndarray:
    """Return special numbers, and random ones of every size where f is neither zero nor ∞."""
    rng = np.random.default_rng(1)
    signs = rng.choice((-1.0, 1.0), 1500)
    spread = signs * 10.0 ** rng.uniform(-6, 1.5, 1500)
    return np.concatenate([spread, rng.normal(size=1500) * 3, EDGE]).astype(dtype)


@cache
def exact_values(name: str, dtype: str, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return f, f' or f'' at `points`, each as the sum of two float64 numbers."""
    exact = [FUNCTIONS[name][order](mp.mpf(v)) for v in points(dtype).tolist()]
    high = np.asarray([float(e) for e in exact])
    return high, np.asarray([float(e - h) for e, h in zip(exact, high.tolist(), strict=True)])


def ulps(found: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return |found − exact| in units of the last place of the exact value, if it is normal."""
    info = np.finfo(found.dtype)
    normal = np.abs(high) >= info.tiny
    unit = 2.0 ** (np.floor(np.log2(np.abs(high[normal]))) - info.nmant)
    return np.abs((found[normal].astype(np.float64) - high[normal]) - low[normal]) / unit


# XLA's own tanh in float64 is off by 6.9 units in the last place near ±20
ULPS = {("jax", "tanh"): 8}
EPS = {("jax", "tanh"): 16}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_is_within_six_ulps_of_the_exact_one(backend, name, dtype):
    z = points(dtype)
    Z = move(backend, z[None, :])
    A = to_numpy(ACTIVATIONS[name].f(backend.xp, Z))[0]
    assert A.dtype == dtype
    high, low = exact_values(name, dtype, 0)
    # if an intermediate exp is not a normal number, only the absolute error is bounded
    normal = np.abs(z) < (80 if dtype == "float32" else 700)
    if name == "gelu":
        normal = z > (-12 if dtype == "float32" else -37)
    keep = np.flatnonzero(normal)
    assert ulps(A[keep], high[keep], low[keep]).max() <= ULPS.get((backend.name, name), 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivatives_are_within_twelve_eps(backend, name, dtype):
    row = ACTIVATIONS[name]
    z = points(dtype)
    Z = move(backend, z[None, :])
    A, ones = row.f(backend.xp, Z), backend.xp.ones_like(Z)
    first = to_numpy(row.jvp(backend.xp, Z, A, ones))[0]
    second = to_numpy(row.second(backend.xp, Z, A, ones, ones))[0]
    assert first.dtype == second.dtype == dtype
    for found, order in ((first, 1), (second, 2)):
        exact, _ = exact_values(name, dtype, order)
        worst = np.max(np.abs(found - exact) / np.maximum(1.0, np.abs(exact)))
        assert worst <= EPS.get((backend.name, name), 12) * np.finfo(dtype).eps


LIMITS = {  # name: (f(−∞), f(∞), f'(−∞), f'(∞))
    "identity": (-np.inf, np.inf, 1, 1),
    "relu": (0, np.inf, 0, 1),
    "leaky_relu": (-np.inf, np.inf, 0.01, 1),
    "elu": (-1, np.inf, 0, 1),
    "selu": (-1.7580993408473766, np.inf, 0, 1.0507009873554805),
    "gelu": (0, np.inf, 0, 1),
    "silu": (0, np.inf, 0, 1),
    "tanh": (-1, 1, 0, 0),
    "sigmoid": (0, 1, 0, 0),
    "softplus": (0, np.inf, 0, 1),
    "exp": (0, np.inf, 0, np.inf),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_limits_and_nan(backend, name):
    xp, row = backend.xp, ACTIVATIONS[name]
    Z = move(backend, np.asarray([[-np.inf, np.inf, np.nan]]))
    A = row.f(xp, Z)
    slope = to_numpy(row.vjp(xp, Z, A, xp.ones_like(Z)))[0]
    value = to_numpy(A)[0]
    np.testing.assert_allclose([*value[:2], *slope[:2]], LIMITS[name], rtol=1e-15)
    assert np.isnan(value[2]), "NaN must show"


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_products_agree_with_each_other_and_with_differences(backend, name):
    xp, row = backend.xp, ACTIVATIONS[name]
    rng = np.random.default_rng(2)
    z, t, d = rng.normal(size=(3, 2, 5, 4))  # a stack of two batches
    Z, tZ, dA = (move(backend, v) for v in (z, t, d))
    A = row.f(xp, Z)
    tA = to_numpy(row.jvp(xp, Z, A, tZ))
    tdZ = to_numpy(row.second(xp, Z, A, tZ, dA))
    dZ = to_numpy(row.vjp(xp, Z, A, move(backend, d.copy())))
    assert np.sum(tA * d) == pytest.approx(np.sum(t * dZ), rel=1e-13)  # ⟨J t, d⟩ = ⟨t, Jᵀ d⟩

    h = 1e-6

    def at(step):
        moved = move(backend, z + step * t)
        value = row.f(xp, moved)
        return to_numpy(value), to_numpy(row.vjp(xp, moved, value, move(backend, d.copy())))

    (f_plus, v_plus), (f_minus, v_minus) = at(h), at(-h)
    assert relative(tA, (f_plus - f_minus) / (2 * h)) < 1e-8
    assert np.abs(tdZ - (v_plus - v_minus) / (2 * h)).max() < 1e-8


def test_softmax_rows_are_probabilities_even_for_huge_inputs(backend):
    z = np.asarray([[1e4, -1e4, 0.0], [-1e30, -1e30, -1e30], [1e30, 1e30, 0.0]])
    P = to_numpy(ACTIVATIONS["softmax"].f(backend.xp, move(backend, z)))
    np.testing.assert_allclose(P, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]], rtol=1e-15)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_third_derivative_is_that_of_the_exact_second(backend, name):
    z = np.random.default_rng(2).normal(size=40) * 4
    Z = move(backend, z[None, :])
    row, two = ACTIVATIONS[name], move(backend, np.full((1, 40), 2.0))
    found = to_numpy(row.third_product(backend.xp, Z, row.f(backend.xp, Z), two, two))[0]
    with mp.workdps(50):
        exact = [4 * float(mp.diff(FUNCTIONS[name][2], mp.mpf(v))) for v in z.tolist()]
    assert np.max(np.abs(found - exact) / np.maximum(1.0, np.abs(exact))) <= 1e-14

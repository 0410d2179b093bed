"""xpnet's own lines, proved: SymPy differentiates what each claims to be the derivative of."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.helpers import needed

sympy = needed("sympy")

from tests.support.symbolic import (  # noqa: E402
    Namespace,
    Symbolic,
    are_equal,
    derivative,
    symbols,
)
from xpnet.equations import laplacians, passes, tangents  # noqa: E402
from xpnet.equations.activations import ACTIVATIONS  # noqa: E402
from xpnet.losses import LOSSES  # noqa: E402

pytestmark = pytest.mark.slow  # SymPy simplifies for a second or two

# gelu's Φ is a series, which is only as exact as float64
SMOOTH = [name for name in ACTIVATIONS if name not in ("gelu", "softmax")]
SIGNS = [{"positive": True}, {"negative": True}]
BACKEND = Symbolic()
SHAPES = ((2, 2), (3, 2), (1, 3), (2, 3))  # of A, W, b and dZ


@pytest.mark.parametrize("sign", SIGNS, ids=str)
@pytest.mark.parametrize("name", SMOOTH)
def test_the_derivatives_of_an_activation(name, sign):
    f, Z = ACTIVATIONS[name], symbols("z", 1, 1, **sign)
    tZ, dA = symbols("t", 1, 1), symbols("d", 1, 1)
    A = f.f(Namespace, Z)
    first = f.jvp(Namespace, Z, A, tZ)
    assert are_equal(first, derivative(A, Z, tZ))
    assert are_equal(f.vjp(Namespace, Z, A, dA) * tZ, first * dA)
    second = f.second(Namespace, Z, A, tZ, dA)
    assert are_equal(second, derivative(f.vjp(Namespace, Z, A, dA), Z, tZ))
    third = f.third(Namespace, Z, A, tZ, dA)
    assert are_equal(third, derivative(f.second(Namespace, Z, A, dA * 0 + 1, dA), Z, tZ))


# of_output, or of Z for that output activation
LINES = [
    ("squared_error", None),
    ("mean_squared_error", None),
    ("poisson", None),
    ("gaussian_nll", None),
    ("poisson", "exp"),
    ("poisson", "sigmoid"),
    ("binary_cross_entropy", "sigmoid"),
]


@pytest.mark.parametrize(("name", "output"), LINES)
def test_the_derivatives_of_a_loss(name, output):
    loss = LOSSES[name]
    n = loss.outputs_per_target
    A, Y, tA = symbols("a", 1, n), symbols("y", 1, 1), symbols("t", 1, n)
    function, second, _ = loss.functions(output)
    losses, dA = function(Namespace, A, Y)
    assert are_equal(np.sum(dA * tA, axis=-1), derivative(losses, A, tA))
    assert are_equal(second(Namespace, A, Y, tA), derivative(dA, A, tA))


# --- dense layers, of 2 examples, 2 inputs and 3 outputs


def along(values, *pairs):
    """Return the derivative along several directions at once."""
    return sum(derivative(values, by, direction) for by, direction in pairs)


def test_the_tangents_of_a_dense_layer():
    A, W, b, dZ = (symbols(x, *s) for x, s in zip("awbd", SHAPES, strict=True))
    tA, tW, tb, tdZ = (symbols(f"t{x}", *s) for x, s in zip("awbd", SHAPES, strict=True))
    Z = passes.dense_preactivation(BACKEND, A, W, b)
    tZ = tangents.dense_preactivation_tangent(BACKEND, A, W, tA, tW, tb)
    assert are_equal(tZ, along(Z, (A, tA), (W, tW), (b, tb)))
    dW, db = passes.dense_gradients(BACKEND, A, dZ, (None, None))
    tdW, tdb = tangents.dense_gradients_tangent(BACKEND, A, tA, dZ, tdZ)
    assert are_equal(tdW, along(dW, (A, tA), (dZ, tdZ)))
    assert are_equal(tdb, along(db, (dZ, tdZ)))
    dA = passes.dense_input_gradient(BACKEND, dZ, W)
    tdA = tangents.dense_input_gradient_tangent(BACKEND, dZ, tdZ, W, tW)
    assert are_equal(tdA, along(dA, (dZ, tdZ), (W, tW)))


def test_the_gradients_of_a_dense_layer():
    """Of Σ dZ ∘ Z, whose derivative by Z is dZ."""
    A, W, b, dZ = (symbols(x, *s) for x, s in zip("awbd", SHAPES, strict=True))
    number = np.sum(dZ * passes.dense_preactivation(BACKEND, A, W, b))
    dW, db = passes.dense_gradients(BACKEND, A, dZ, (None, None))
    dA = passes.dense_input_gradient(BACKEND, dZ, W)
    for d, by in ((dW, W), (db, b), (dA, A)):
        slopes = [sympy.diff(number, x) for x in by.reshape(-1)]
        assert are_equal(d.reshape(-1), np.asarray(slopes, dtype=object))


def test_the_tangent_of_the_backward_pass_through_tanh():
    f, Z = ACTIVATIONS["tanh"], symbols("z", 1, 2)
    dA, tZ, tdA = symbols("d", 1, 2), symbols("tz", 1, 2), symbols("td", 1, 2)
    A = f.f(Namespace, Z)
    dZ = passes.dense_preactivation_gradient(BACKEND, f, Z, A, dA)
    tdZ = tangents.dense_preactivation_gradient_tangent(BACKEND, f, Z, A, tZ, dA, tdA)
    assert are_equal(tdZ, along(dZ, (Z, tZ), (dA, tdA)))


def test_the_laplacian_through_a_dense_layer_of_tanh():
    """Of A = tanh(x Wᵀ + b), with the inputs themselves as the directions."""
    f, X = ACTIVATIONS["tanh"], symbols("x", 1, 2)
    W, b = symbols("w", 1, 2), symbols("b", 1, 1)
    Z = passes.dense_preactivation(BACKEND, X, W, b)
    A = f.f(Namespace, Z)
    units = np.asarray([[[1, 0]], [[0, 1]]], dtype=object) * sympy.Integer(1)
    found, _ = laplacians.dense_laplacian(BACKEND, f, W, Z, A, laplacians.Second(units, None))
    twice = sum(sympy.diff(A[0, 0], x, 2) for x in X[0])
    assert are_equal(found.l, np.asarray([[twice]], dtype=object))
    assert are_equal(found.t[:, 0, 0], [sympy.diff(A[0, 0], x) for x in X[0]])

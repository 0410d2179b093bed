"""The matrix form equals loops over every weight; for a batch, the mean of their gradients."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.support.helpers import network, relative
from tests.support.loops import backpropagate, forward
from xpnet.backends import to_numpy


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


FUNCTIONS = {
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "relu": (lambda z: np.where(z > 0, z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, z / 100), lambda z: np.where(z > 0, 1.0, 0.01)),
    "softplus": (lambda z: np.logaddexp(0, z), sigmoid),
    "identity": (lambda z: z, np.ones_like),
}

SHAPES = [[2, 3, 2], [8, 8, 4], [3, 1, 5, 2], [4, 4, 4, 4], [6, 5], [1, 1, 1]]

shapes = pytest.mark.parametrize("sizes", SHAPES, ids=lambda s: "-".join(map(str, s)))


def squared_error_network(backend, sizes, activations):
    """Return a network, and the loops for its parameters as a function of (x, y)."""
    net = network(backend, sizes, activation=activations, loss="squared_error")
    weights = [to_numpy(W) for W in net.weights]
    biases = [to_numpy(b) for b in net.biases]
    f, df = zip(*(FUNCTIONS[name] for name in activations), strict=True)
    return net, lambda x, y: backpropagate(weights, biases, x, y, f, df)


def examples(sizes, N):
    rng = np.random.default_rng(5)
    return rng.normal(size=(N, sizes[0])), rng.normal(size=(N, sizes[-1]))


def assert_equal(found, expected):
    for arrays, references in zip(found, expected, strict=True):
        for array, reference in zip(arrays, references, strict=True):
            assert relative(array, reference) <= 1e-12


@shapes
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_one_example_gives_what_the_loops_give(backend, sizes, activation):
    net, loops = squared_error_network(backend, sizes, [activation] * (len(sizes) - 1))
    (x,), (y,) = examples(sizes, 1)
    expected = loops(x, y)
    assert any(np.any(dW) for dW in expected[0])
    assert_equal(net.gradient(x, y), expected)


def test_each_layer_has_its_own_activation(backend):
    sizes = [3, 4, 5, 2]
    net, loops = squared_error_network(backend, sizes, ["relu", "tanh", "identity"])
    (x,), (y,) = examples(sizes, 1)
    assert_equal(net.gradient(x, y), loops(x, y))


def test_lists_of_numbers_and_unpacking(backend):
    sizes = [2, 3, 2]
    net, loops = squared_error_network(backend, sizes, ["tanh", "tanh"])
    x, y = [0.5, -1.0], [1, 0]
    weight_gradients, bias_gradients = net.gradient(x, y)
    assert [W.shape for W in weight_gradients] == [(3, 2), (2, 3)]
    assert [b.shape for b in bias_gradients] == [(3,), (2,)]
    assert_equal([weight_gradients, bias_gradients], loops(x, y))


@shapes
@pytest.mark.parametrize("N", [1, 4, 7])
def test_a_batch_gives_the_mean_of_the_loops(backend, sizes, N):
    net, loops = squared_error_network(backend, sizes, ["tanh"] * (len(sizes) - 1))
    X, Y = examples(sizes, N)
    one_by_one = [loops(x, y) for x, y in zip(X, Y, strict=True)]
    mean = [
        [sum(parts) / N for parts in zip(*layers, strict=True)]
        for layers in zip(*one_by_one, strict=True)
    ]
    assert_equal(net.gradient(X, Y), mean)


def test_the_loops_are_the_slope_of_the_squared_error():
    rng = np.random.default_rng(2)
    sizes = [3, 4, 2]
    weights = [rng.normal(size=(n, m)) for m, n in pairwise(sizes)]
    biases = [rng.normal(size=n) for n in sizes[1:]]
    (x,), (y,) = examples(sizes, 1)
    f, df = FUNCTIONS["tanh"]

    def loss():
        return np.sum((forward(weights, biases, x, f)[0][-1] - y) ** 2)

    gradients = backpropagate(weights, biases, x, y, f, df)
    for arrays, slopes in zip([weights, biases], gradients, strict=True):
        for array, slope in zip(arrays, slopes, strict=True):
            for at in np.ndindex(array.shape):
                kept = array[at]
                array[at] = kept + 1e-5
                above = loss()
                array[at] = kept - 1e-5
                below = loss()
                array[at] = kept
                assert slope[at] == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-8)

"""Bounds of the outputs: no evaluation lies outside, and they are tight where they can be."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.backends import on_backends
from tests.support.chains import CHAINS, chained, examples
from tests.support.gradient_cases import SIZES
from tests.support.helpers import network, relative
from xpnet.backends import get_backend, to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import MultiCrossEntropy

WITHOUT_LAYER_NORM = [c for c in CHAINS if c not in ("layer norm", "residual, projected", "all")]


def boxes(net, N, rng, width):
    """Return (lower, upper) in the network's dtype; categories are the same at both ends."""
    X = rng.normal(size=(N, net.layers[0].fan_in)) if N > 9 else examples(N)[0]
    R = rng.uniform(0, width, X.shape)
    if net.layers[0].kind == "embedding":
        R[:, list(net.layers[0].columns)] = 0
    return (X - R).astype(net.dtype), (X + R).astype(net.dtype)


def assert_within(net, lower, upper, rng, n):
    """Compare the bounds with n random points of each box, a third of them corners, in float64."""
    low, high = (to_numpy(x).astype(np.float64) for x in net.output_bounds(lower, upper))
    exact = net.to("numpy", dtype="float64")
    for _ in range(n):
        t = rng.uniform(-0.5, 1.5, lower.shape).clip(0, 1)
        A = exact(lower + t * (upper.astype(np.float64) - lower))
        assert (low <= A).all()
        assert (high >= A).all()


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("width", [0.0, 1e-6, 0.1, 3.0])
def test_no_point_of_a_float32_network_lies_outside(activation, width):
    """A million points for each activation: 4 widths, 2,500 boxes, 100 points of each."""
    rng = np.random.default_rng(0)
    names = [activation, "tanh", activation]  # three times exp would overflow
    net = network(get_backend("numpy"), SIZES, activation=names, dtype="float32")
    assert_within(net, *boxes(net, 2500, rng, width), rng, 100)


@on_backends("chain", WITHOUT_LAYER_NORM, jax=("residual in residual",))
def test_no_point_lies_outside_for_every_layer(backend, chain):
    rng = np.random.default_rng(0)
    net = chained(backend, chain).to(dtype="float32")
    for width in (1e-6, 0.5):
        assert_within(net, *boxes(net, 9, rng, width), rng, 100)


def test_several_heads_are_bounded_each_by_itself(backend):
    rng = np.random.default_rng(0)
    net = network(backend, [3, 4, 5], loss=MultiCrossEntropy((2, 3)), dtype="float32")
    assert_within(net, *boxes(net, 20, rng, 0.5), rng, 50)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_of_one_layer_they_are_the_smallest_and_largest_values(backend, activation):
    """Each output of one dense layer takes its bounds at corners, or at the minimum within."""
    net = network(backend, [1, 1], output=activation)
    lower, upper = np.asarray([[-3.0], [0.5]]), np.asarray([[2.0], [0.7]])
    low, high = map(to_numpy, net.output_bounds(lower, upper))
    points = np.linspace(lower[:, 0], upper[:, 0], 200_001)  # (points, 2)
    A = to_numpy(net(points.reshape(-1, 1))).reshape(points.shape)
    assert np.abs(low[:, 0] - A.min(axis=0)).max() <= 1e-9
    assert np.abs(high[:, 0] - A.max(axis=0)).max() <= 1e-9


def test_a_box_of_one_point_has_the_networks_outputs_as_bounds(backend):
    net = network(backend, SIZES, activation="gelu", output="softmax")
    X = np.random.default_rng(0).normal(size=(4, 3))
    for bound in net.output_bounds(X, X):
        assert relative(bound, net(X)) <= 1e-12
    one = net.output_bounds(X[0], X[0])
    assert relative(one[0], net.output_bounds(X[:1], X[:1])[0][0, :]) == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda net, X: net.output_bounds(X + 1, X), "lower must not be above upper"),
        (lambda net, X: net.output_bounds(X * np.nan, X), "neither may be NaN"),
        (lambda net, X: net.output_bounds(X[:2], X), r"same shape, got \(2, 3\) and \(4, 3\)"),
        (lambda net, X: net.output_bounds(X[:, :2], X), "X has 2 columns"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, says):
    with pytest.raises(ValueError, match=says):
        call(network(get_backend("numpy"), SIZES), np.ones((4, 3)))


def test_what_has_no_bounds_is_named():
    X = examples(9)[0]
    for chain in ("layer norm", "all"):
        net = chained(get_backend("numpy"), chain)
        with pytest.raises(ValueError, match="layer norm has no interval bounds"):
            net.output_bounds(X, X)
    net = chained(get_backend("numpy"), "embedding")
    with pytest.raises(ValueError, match="column 1 is embedded: lower and upper must have the sam"):
        net.output_bounds(np.zeros((1, 5)), np.ones((1, 5)))
    own = xpnet.elementwise("own", lambda xp, Z: Z, lambda xp, Z, A: 0 * Z + 1)
    with pytest.raises(ValueError, match="activation 'own' is your own"):
        xpnet.Network([3, 2], output=own).output_bounds([0, 0, 0], [1, 1, 1])

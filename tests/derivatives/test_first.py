"""jvp, vjp, input_gradient and jacobian: against torch's autograd, and each against the others."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.backends import on_backends
from tests.support.chains import CHAINS, EVERY_KIND, chained, examples
from tests.support.derivative_cases import (
    N,
    directions,
    each_chain_one_on_jax,
    jacobians,
    of_loss,
    of_outputs,
    weights,
)
from tests.support.gradient_cases import SIZES, problem
from tests.support.helpers import needed, network, relative
from xpnet.backends import get_backend, to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.parameters import layout

in_both_modes = pytest.mark.parametrize("training", [False, True])


def logits(backend, chain):
    """Return the network of that chain with the identity for its output."""
    return chained(backend, chain, output="identity")


@each_chain_one_on_jax
@in_both_modes
def test_jvp_and_vjp_equal_torch(backend, chain, training):
    needed("torch")
    net, (X, _) = logits(backend, chain), examples(N)
    U, tX, (v, _) = directions(net, X)
    tA, g, dX = of_outputs(chain, training)
    A, found_tA = net.jvp(X, tX, v, training=training)
    found_g, found_dX = net.vjp(X, U, training=training)
    assert relative(found_tA, tA) <= 1e-12
    assert relative(found_g.flat, g) <= 1e-12
    assert relative(found_dX, dX) <= 1e-12
    if not training:
        assert relative(A, net(X)) == 0


@each_chain_one_on_jax
@in_both_modes
def test_input_gradient_equals_torch(backend, chain, training):
    needed("torch")
    net, (X, Y) = chained(backend, chain), examples(N)
    found = net.input_gradient(X, Y, weights(), training=training)
    assert relative(found, of_loss(chain, training)[0]) <= 1e-12


@each_chain_one_on_jax
def test_jacobians_equal_torch(backend, chain):
    needed("torch")
    net, (X, _) = logits(backend, chain), examples(N)
    by_X, by_theta = jacobians(chain)
    assert relative(net.jacobian(X), by_X) <= 1e-12
    assert relative(net.jacobian(X, by="parameters"), by_theta) <= 1e-12


@on_backends("activation", list(ACTIVATIONS), jax=("gelu", "softmax"))
def test_adjoint_identity(backend, activation):
    """⟨U, J t⟩ = ⟨Jᵀ U, t⟩, for every activation in every place."""
    net = network(backend, SIZES, activation=activation)
    X, _ = problem("huber")
    U, tX, (v, _) = directions(net, X)
    for directions_given in ((tX, v), (tX, None), (None, v)):
        _, tA = net.jvp(X, *directions_given)
        g, dX = net.vjp(X, U)
        pairs = zip((dX, g.flat), directions_given, strict=True)
        right = sum(float(np.sum(to_numpy(d) * t)) for d, t in pairs if t is not None)
        assert float(np.sum(U * to_numpy(tA))) == pytest.approx(right, rel=1e-13)


def test_jacobian_is_a_jvp_for_each_input_and_parameter(backend):
    net = network(backend, SIZES, activation="gelu", output="softmax")
    X, _ = problem("huber")
    J, J_theta = net.jacobian(X), net.jacobian(X, by="parameters")
    for k in range(SIZES[0]):
        tX = np.zeros_like(X)
        tX[:, k] = 1
        assert relative(J[:, :, k], net.jvp(X, tX)[1]) <= 1e-13
    P = layout(net.layers).size
    for k in (0, 11, 31, P - 1):
        v = np.zeros(P)
        v[k] = 1
        tA = to_numpy(net.jvp(X, ttheta=v)[1])
        assert np.linalg.norm(to_numpy(J_theta[:, :, k]) - tA) <= 1e-13


def test_input_gradient_is_the_vjp_of_the_losses_slope(backend):
    net = network(backend, SIZES, activation="tanh", loss="squared_error")
    X, Y = problem("squared_error")
    dA = 2 * (to_numpy(net(X)) - Y) / len(X)
    assert relative(net.input_gradient(X, Y), net.vjp(X, dA)[1]) <= 1e-14
    assert relative(net.gradient(X, Y).flat, net.vjp(X, dA)[0].flat) <= 1e-14


def test_one_example_is_a_batch_of_one(backend):
    net = network(backend, SIZES, activation="tanh", loss="cross_entropy")
    X, Y = problem("cross_entropy")
    U, tX, (v, _) = directions(net, X)
    one, batch = net.jvp(X[0], tX[0], v), net.jvp(X[:1], tX[:1], v)
    assert tuple(one[1].shape) == (3,)
    assert relative(one[0], batch[0][0, :]) == relative(one[1], batch[1][0, :]) == 0
    one, batch = net.vjp(X[0], U[0]), net.vjp(X[:1], U[:1])
    assert relative(one[0].flat, batch[0].flat) == relative(one[1], batch[1][0, :]) == 0
    assert relative(net.input_gradient(X[0], Y[0]), net.input_gradient(X[:1], Y[:1])[0, :]) == 0
    for by, last in (("inputs", 3), ("parameters", v.size)):
        assert tuple(net.jacobian(X[0], by=by).shape) == (3, last)
        assert relative(net.jacobian(X[0], by=by), net.jacobian(X[:1], by=by)[0, ...]) == 0


def test_results_stay_on_the_device_in_the_networks_dtype(backend):
    net = network(backend, SIZES, loss="huber", dtype="float32")
    X, Y = problem("huber")
    U, tX, (v, _) = directions(net, X)
    for found in (
        *net.jvp(X, tX, v),
        net.vjp(X, U)[1],
        net.vjp(X, U)[0].flat,
        net.jacobian(X),
        net.input_gradient(X, Y),
        net.hvp(X, Y, v),
        net.ggnvp(X, Y, v),
    ):
        assert backend.has(found, "float32")


def test_integer_columns_of_an_embedding_have_no_derivative(backend):
    net, (X, Y) = chained(backend, "embedding"), examples(N)
    dX = to_numpy(net.input_gradient(X, Y))
    assert not dX[:, [1, 4]].any()
    assert dX[:, [0, 2, 3]].all()
    tX = np.zeros_like(X)
    tX[:, [1, 4]] = 1
    assert not to_numpy(net.jvp(X, tX)[1]).any()


@pytest.mark.parametrize("chain", [c for c in CHAINS if c not in EVERY_KIND][:2])
def test_the_network_stays_as_it_was(chain):
    net, (X, Y) = chained(get_backend("numpy"), chain), examples(N)
    theta, stats = net.parameters.copy(), [s.copy() for s in net.statistics]
    U, tX, (v, _) = directions(net, X)
    net.jvp(X, tX, v, training=True), net.vjp(X, U, training=True)
    net.hvp(X, Y, v, training=True), net.input_gradient(X, Y, training=True)
    np.testing.assert_array_equal(net.parameters, theta)
    for now, before in zip(net.statistics, stats, strict=True):
        np.testing.assert_array_equal(now, before)
    assert net.epoch == 0


# --- bad input


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda net, X: net.jvp(X), "jvp needs a direction"),
        (lambda net, X: net.jvp(X, X[:2]), r"tX must be \(4, 3\), got \(2, 3\)"),
        (lambda net, X: net.jvp(X, X.T), r"tX must be \(4, 3\), got \(3, 4\): give tX.T"),
        (lambda net, X: net.jvp(X, None, [1.0]), r"ttheta must be \(59,\), got \(1,\)"),
        (lambda net, X: net.jvp(X, [["a"] * 3] * 4), "tX must hold real numbers"),
        (lambda net, X: net.jvp(X, X, training=1), "training must be True or False"),
        (lambda net, X: net.vjp(X, X[:, :2]), r"U must be \(4, 3\), got \(4, 2\)"),
        (lambda net, X: net.vjp(X[0], X), r"U must be \(3,\), got \(4, 3\)"),
        (lambda net, X: net.jacobian(X, by="x"), 'by must be "inputs" or "parameters"'),
        (lambda net, X: net.jacobian(X[:, :2]), "X has 2 columns"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, says):
    net = network(get_backend("numpy"), SIZES)
    with pytest.raises((ValueError, TypeError), match=says):
        call(net, problem("huber")[0])


def test_a_direction_on_another_device_is_refused():
    strict = needed("array_api_strict")
    net = xpnet.Network([2, 1], backend="array-api-strict", dtype="float64")
    there = strict.asarray([1.0, 2.0], device=strict.Device("device1"))
    with pytest.raises(ValueError, match=r"tX is on the device .*device1.*xpnet.asarray"):
        net.jvp([1.0, 2.0], there)


def test_a_jacobian_larger_than_memory_is_refused(monkeypatch):
    net = network(get_backend("numpy"), SIZES)
    monkeypatch.setattr("xpnet.checks.directions.machine_memory", lambda: 1000)
    with pytest.raises(MemoryError, match=r"a Jacobian \(4, 3, 59\) would take 5.664e-06 GB"):
        net.jacobian(problem("huber")[0], by="parameters")


def test_an_own_layer_without_a_tangent_is_named():
    from tests.support.own_layer import Shift

    net = xpnet.Network([3, Shift(), 2], dtype="float64")
    X = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"layer BoundShift has no method 'tangent'"):
        net.jvp(X, X)
    assert net.vjp(X, np.ones((4, 2)))[1].shape == (4, 3)  # needs only `gradients`

"""hvp, ggnvp and hessian: against torch, JAX, differences of gradients, and each other."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.backends import on_backends
from tests.support.chains import CHAINS, chained, examples
from tests.support.derivative_cases import (
    N,
    dense,
    directions,
    each_chain_one_on_jax,
    jax_hessian_products,
    of_loss,
    torch_hessian_products,
    weights,
)
from tests.support.gradient_cases import SIZES, problem
from tests.support.helpers import PAIRS, needed, needs_jax, network, relative
from xpnet.backends import get_backend, to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import LOSSES
from xpnet.losses.cut import cut

in_both_modes = pytest.mark.parametrize("training", [False, True])
EACH_ONCE = {*{a: (a, l) for a, l in PAIRS}.values(), *{l: (a, l) for a, l in PAIRS}.values()}
"""Each activation with one loss, and each loss with one activation."""
FEW = [("softmax", "cross_entropy"), ("exp", "poisson"), ("identity", "gaussian_nll")]
HIDDEN = ("silu", "tanh")


def close(found, expected, size=1.0):
    """Whether two arrays agree to 1e-11, or to 1e-13 of a number of that size if one is 0."""
    difference = np.linalg.norm(to_numpy(found) - expected)
    return difference <= max(1e-11 * np.linalg.norm(expected), 1e-13 * size)


# --- the Hessian


@on_backends("pair", PAIRS, jax=FEW)
def test_hvp_equals_torch_for_every_output_and_loss(backend, pair):
    needed("torch")
    net, _ = dense(backend, *pair)
    X, Y = problem(pair[1])
    _, _, V = directions(net, X)
    assert close(net.hvp(X, Y, V), torch_hessian_products(*pair, HIDDEN))


@needs_jax
@pytest.mark.parametrize("pair", sorted(EACH_ONCE), ids="-".join)
def test_hvp_equals_jax(pair):
    hidden = ("gelu", "elu")
    net, _ = dense(get_backend("numpy"), *pair, hidden)
    X, Y = problem(pair[1])
    _, _, V = directions(net, X)
    assert close(net.hvp(X, Y, V), jax_hessian_products(*pair, hidden))


@on_backends("hidden", list(ACTIVATIONS), jax=("gelu", "softmax"))
def test_hvp_equals_torch_for_every_hidden_activation(backend, hidden):
    needed("torch")
    case = "softmax", "cross_entropy"
    net, _ = dense(backend, *case, (hidden, hidden))
    X, Y = problem(case[1])
    _, _, V = directions(net, X)
    assert close(net.hvp(X, Y, V), torch_hessian_products(*case, (hidden, hidden)))


@each_chain_one_on_jax
@in_both_modes
def test_hvp_equals_torch_for_every_layer_with_weights(backend, chain, training):
    needed("torch")
    net, (X, Y) = chained(backend, chain), examples(N)
    _, _, V = directions(net, X)
    found = net.hvp(X, Y, V, weights(), training=training)
    assert close(found, of_loss(chain, training)[1])


@on_backends("chain", list(CHAINS), jax=())  # above, JAX is compared with torch
@in_both_modes
def test_hvp_is_the_difference_of_gradients(backend, chain, training):
    net, (X, Y) = chained(backend, chain), examples(N)
    _, _, (v, _) = directions(net, X)
    theta, h = to_numpy(net.parameters).copy(), 1e-5

    def gradient(at):
        net.set_parameters(at)
        return to_numpy(net.gradient(X, Y, weights(), training=training).flat)

    near, far = (gradient(theta + k * v) - gradient(theta - k * v) for k in (h, 2 * h))
    net.set_parameters(theta)
    found = net.hvp(X, Y, v, weights(), training=training)
    assert relative(found, (8 * near - far) / (12 * h)) <= 1e-9


def test_hvp_is_symmetric_and_hessian_is_its_matrix(backend):
    net = network(backend, SIZES, activation="gelu", loss="cross_entropy")
    X, Y = problem("cross_entropy")
    _, _, V = directions(net, X)
    H = to_numpy(net.hessian(X, Y))
    assert relative(H, H.T) <= 1e-14
    assert relative(net.hvp(X, Y, V), V @ H) <= 1e-14
    assert relative(net.hvp(X, Y, V)[0, :], net.hvp(X, Y, V[0])) <= 1e-14


def test_hessian_in_pieces_is_the_same(monkeypatch):
    net = network(get_backend("numpy"), SIZES, activation="tanh", loss="huber")
    X, Y = problem("huber")
    whole = net.hessian(X, Y)
    monkeypatch.setattr("xpnet.derivatives.second._NUMBERS", 7 * 4 * 5)
    assert relative(net.hessian(X, Y), whole) <= 1e-15


def test_hessian_of_a_linear_least_squares_is_2_xx(backend):
    net = network(backend, [3, 1], loss="squared_error")
    X, Y = np.random.default_rng(0).normal(size=(6, 3)), np.zeros((6, 1))
    one = np.concatenate([X, np.ones((6, 1))], axis=1)
    w = np.arange(6.0)
    expected = 2 * one.T @ (one * w[:, None]) / w.sum()
    assert relative(net.hessian(X, Y, w), expected) <= 1e-14


@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_at_a_kink_the_slope_is_the_left_one(backend, activation, slope):
    """At θ = 0 every Z is 0, and the Hessian is that of the linear activation on the left."""
    left = xpnet.elementwise(
        "left", lambda xp, Z: Z * slope, lambda xp, Z, A: 0 * Z + slope, lambda xp, Z, A: 0 * Z
    )
    found, expected = (
        xpnet.Network(
            [2, 3, 1],
            activation=f,
            loss="squared_error",
            initializer="zeros",
            backend=backend,
            dtype="float64",
        ).hessian([[1.0, 2.0]], [[1.0]])
        for f in (activation, left)
    )
    np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))


def test_huber_counts_its_corner_as_inside(backend):
    net = network(backend, [1, 1], loss="huber")
    net.set_parameters([0.0, 1.0])
    assert to_numpy(net.hvp([[0.0]], [[0.0]], [0.0, 1.0])).tolist() == [0.0, 1.0]
    assert to_numpy(net.hvp([[0.0]], [[-0.1]], [0.0, 1.0])).tolist() == [0.0, 0.0]


# --- the Gauss-Newton matrix


def explicit(net, X, Y):
    """Return Σ_n J_nᵀ H_n J_n / N, with J and the curvature of the loss where it begins."""
    of = cut(net.layers, net.loss)
    matched = of.layers[-1] is not net.layers[-1]
    names = [layer.activation for layer in net.layers]
    same = xpnet.Network(
        list(net.sizes),
        activation=[*names[:-1], of.layers[-1].activation],
        dtype="float64",
        loss=None if matched else net.loss,
    )
    same.set_parameters(net.parameters)
    B, J, n = same(X), same.jacobian(X, by="parameters"), net.sizes[-1]
    units = np.broadcast_to(np.eye(n)[:, None, :], (n, len(X), n))
    H = np.moveaxis(of.curvature(np, B, np.asarray(Y), units), 0, 1)  # (N, n, n)
    return np.einsum("njp,njk,nkq->pq", J, H, J) / len(X)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_ggnvp_is_jhj_and_positive_semidefinite(pair):
    net, _ = dense(get_backend("numpy"), *pair)
    X, Y = problem(pair[1])
    G = net.ggnvp(X, Y, np.eye(net.parameters.size))
    size = np.linalg.norm(G)
    assert np.linalg.norm(G - explicit(net, X, Y)) <= 1e-13 * size
    assert np.linalg.eigvalsh((G + G.T) / 2).min() >= -1e-13 * size


@on_backends("pair", sorted(EACH_ONCE), jax=[("softmax", "cross_entropy")])
def test_ggnvp_is_the_same_on_every_backend(backend, pair):
    net, _ = dense(backend, *pair)
    X, Y = problem(pair[1])
    _, _, V = directions(net, X)
    assert close(net.ggnvp(X, Y, V), dense(get_backend("numpy"), *pair)[0].ggnvp(X, Y, V))


@each_chain_one_on_jax
@in_both_modes
def test_ggnvp_is_symmetric_for_every_layer(backend, chain, training):
    net, (X, Y) = chained(backend, chain), examples(N)
    _, _, V = directions(net, X)
    products = to_numpy(net.ggnvp(X, Y, V, weights(), training=training)) @ V.T
    assert products[0, 1] == pytest.approx(products[1, 0], rel=1e-12)
    assert min(products[0, 0], products[1, 1]) > 0


@pytest.mark.parametrize("loss", [l for l in LOSSES if l != "gaussian_nll"])
def test_ggn_is_the_hessian_where_the_network_is_linear(backend, loss):
    """One layer whose loss begins at Z_L; the Fisher of gaussian_nll is a mean over y instead."""
    output = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "poisson": "exp"}
    net = network(backend, [3, 4], output=output.get(loss, "identity"), loss=loss)
    X, Y = problem(loss, sizes=[3, 4])
    _, _, V = directions(net, X)
    assert close(net.ggnvp(X, Y, V), to_numpy(net.hvp(X, Y, V)), size=np.linalg.norm(V))


def test_ggn_of_gaussian_nll_is_the_mean_of_its_hessian_over_y(backend):
    """With y = μ ± √v, each with probability ½, E R = 0 and E Q = 1 as for the normal."""
    for loss in (LOSSES["gaussian_nll"], xpnet.losses.GaussianNLL(minimum_variance=0.3)):
        net = xpnet.Network([2, 2], loss=loss, backend=backend, dtype="float64", rng=1)
        X = np.random.default_rng(0).normal(size=(1, 2))
        mean, s = to_numpy(net(X))[0]
        root = np.sqrt(np.exp(s) + loss.config["minimum_variance"])
        v = np.arange(1.0, 7.0)
        both = [to_numpy(net.hvp(X, [[mean + sign * root]], v)) for sign in (1, -1)]
        assert relative(net.ggnvp(X, [[0.0]], v), sum(both) / 2) <= 1e-12


# --- bad input


@pytest.mark.parametrize(
    ("v", "says"),
    [
        ([1.0], r"v must be \(59,\), like net.parameters, or \(K, 59\) for K vectors, got \(1,\)"),
        (np.ones((59, 1)), r"got \(59, 1\): give v.ravel\(\)"),
        (np.ones((59, 2)), r"got \(59, 2\)"),
        (np.ones((0, 59)), r"got \(0, 59\)"),
        (["a"] * 59, "v must hold real numbers"),
    ],
)
def test_a_wrong_v_is_refused(v, says):
    net = network(get_backend("numpy"), SIZES, loss="huber")
    for product in (net.hvp, net.ggnvp):
        with pytest.raises((ValueError, TypeError), match=says):
            product(*problem("huber"), v)


def test_what_has_no_second_derivative_is_named():
    cube = xpnet.elementwise("cube", lambda xp, Z: Z**3, lambda xp, Z, A: 3 * Z**2)
    own = xpnet.Loss("own", lambda xp, A, Y: (xp.sum((A - Y) ** 2, axis=-1), 2 * (A - Y)))
    X, Y = problem("huber")
    v = np.ones(59)
    with pytest.raises(ValueError, match=r"activation 'cube' has no second derivative.*d2f"):
        network(get_backend("numpy"), SIZES, activation=cube, loss="huber").hvp(X, Y, v)
    net = network(get_backend("numpy"), SIZES, activation=cube, output="identity", loss=own)
    with pytest.raises(ValueError, match=r"loss 'own' has no second derivative.*second_of_output"):
        net.ggnvp(X, Y, v)


def test_an_own_activation_and_loss_with_second_derivatives(backend):
    """The same as tanh and squared_error, which they repeat."""
    own = xpnet.elementwise(
        "own",
        lambda xp, Z: xp.tanh(Z),
        lambda xp, Z, A: 1 - A * A,
        lambda xp, Z, A: -2 * A * (1 - A * A),
    )
    loss = xpnet.Loss(
        "own",
        lambda xp, A, Y: (xp.sum((A - Y) ** 2, axis=-1), 2 * (A - Y)),
        second_of_output=lambda xp, A, Y, tA: 2 * tA,
    )
    X, Y = problem("squared_error")
    net = network(backend, SIZES, activation=own, output="identity", loss=loss)
    known = network(backend, SIZES, activation="tanh", output="identity", loss="squared_error")
    known.set_parameters(net.parameters)
    _, _, V = directions(net, X)
    for product in ("hvp", "ggnvp"):
        found = getattr(net, product)(X, Y, V)
        assert relative(found, getattr(known, product)(X, Y, V)) <= 1e-13


def test_a_hessian_larger_than_memory_is_refused(monkeypatch):
    net = network(get_backend("numpy"), SIZES, loss="huber")
    monkeypatch.setattr("xpnet.checks.directions.machine_memory", lambda: 1000)
    with pytest.raises(MemoryError, match=r"a Hessian \(59, 59\) would take"):
        net.hessian(*problem("huber"))

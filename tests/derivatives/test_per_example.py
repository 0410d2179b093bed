"""Per-example gradients, their norms, the clipped gradient, Kronecker factors, the kernel."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import xpnet
from tests.support.backends import on_backends
from tests.support.chains import CHAINS, chained, examples
from tests.support.derivative_cases import N, dense, each_chain_one_on_jax, weights
from tests.support.gradient_cases import SIZES, problem
from tests.support.helpers import PAIRS, needed, needs_jax, network, random_targets, relative
from xpnet.backends import get_backend, to_numpy
from xpnet.equations.parameters import layout, slots
from xpnet.layers import Embedding, LayerNorm, Residual

ONE_OF_EACH = {*{l: (a, l) for a, l in PAIRS}.values()}
COUPLED = [name for name in CHAINS if "batch norm" in name or name == "all"]
IN_A_MODE = [(chain, "predicting") for chain in CHAINS]
IN_A_MODE += [(chain, "training") for chain in CHAINS if chain not in COUPLED]


# --- gradients


@on_backends("case", IN_A_MODE, jax=[("all", "predicting")])
def test_each_is_the_gradient_of_that_example_alone(backend, case):
    """Also in training, but for chains that couple the examples: they are refused (below)."""
    chain, training = case[0], case[1] == "training"
    net, (X, Y) = chained(backend, chain), examples(N)
    g = to_numpy(net.per_example_gradients(X, Y, training=training))
    assert g.shape == (N, net.parameters.shape[0])
    for n in (0, 5):
        w = np.zeros(N)
        w[n] = 1  # masks are addressed by the example's number
        assert relative(g[n], net.gradient(X, Y, w, training=training).flat) <= 1e-13
    mean = net.gradient(X, Y, weights(), training=training).flat
    assert relative(weights() @ g / weights().sum(), mean) <= 1e-13


@on_backends("pair", sorted(ONE_OF_EACH), jax=[("softmax", "cross_entropy")])
def test_their_mean_is_the_gradient_for_every_loss(backend, pair):
    net, _ = dense(backend, *pair)
    X, Y = problem(pair[1])
    g = to_numpy(net.per_example_gradients(X, Y))
    assert relative(g.mean(axis=0), net.gradient(X, Y).flat) <= 1e-13


@needs_jax
def test_they_equal_jaxs_vmap_of_grad():
    import jax

    from tests.support.autodiff import jax_loss
    from tests.support.derivative_cases import dense_layers

    get_backend("jax").dtype("float64")  # turns on 64 bits
    net, names = dense(get_backend("numpy"), "softmax", "cross_entropy")
    X, Y = problem("cross_entropy")

    def loss(theta, x, y):
        return jax_loss(dense_layers(net, theta), names, "cross_entropy", x[None], y[None])

    expected = jax.vmap(jax.grad(loss), (None, 0, 0))(net.parameters, X, Y)
    assert relative(net.per_example_gradients(X, Y), expected) <= 1e-12


def test_they_equal_torchs_vmap_of_grad():
    torch = needed("torch")
    from tests.support.autodiff import torch_loss
    from tests.support.derivative_cases import dense_layers

    net, names = dense(get_backend("numpy"), "identity", "log_cosh")
    X, Y = problem("log_cosh")

    def loss(theta, x, y):
        return torch_loss(dense_layers(net, theta), names, "log_cosh", x[None], y[None])

    each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))
    expected = each(*(torch.tensor(v) for v in (net.parameters, X, Y)))
    assert relative(net.per_example_gradients(X, Y), expected) <= 1e-12


# --- norms and clipping


@each_chain_one_on_jax
def test_norms_are_those_of_the_gradients(backend, chain):
    net, (X, Y) = chained(backend, chain), examples(N)
    g = to_numpy(net.per_example_gradients(X, Y))
    assert relative(net.per_example_norms(X, Y), np.linalg.norm(g, axis=1)) <= 1e-14
    by_layer = []
    for layer in net.layers:
        places = [np.arange(s.offset, s.offset + s.size) for s in layer.slots]
        if places:
            by_layer.append(np.linalg.norm(g[:, np.concatenate(places)], axis=1))
    found = net.per_example_norms(X, Y, by_layer=True)
    assert relative(found, np.stack(by_layer, axis=1)) <= 1e-14


@each_chain_one_on_jax
@pytest.mark.parametrize("share", [0.5, 2.0])
def test_the_clipped_gradient_is_the_mean_of_clipped_gradients(backend, chain, share):
    net, (X, Y) = chained(backend, chain), examples(N)
    g = to_numpy(net.per_example_gradients(X, Y))
    norms = np.linalg.norm(g, axis=1)
    C = share * float(np.median(norms))
    expected = (np.minimum(1, C / norms)[:, None] * g).mean(axis=0)
    assert relative(net.clipped_gradient(X, Y, C).flat, expected) <= 1e-13


def test_clipping_nothing_is_the_gradient_also_where_it_is_0(backend):
    net = network(backend, SIZES, activation="tanh", loss="squared_error")
    X, _ = problem("squared_error")
    Y = to_numpy(net(X)).copy()
    assert not to_numpy(net.clipped_gradient(X, Y, 1.0).flat).any()
    Y[1:] += 1
    g = net.clipped_gradient(X, Y, 1e9)
    assert relative(g.flat, net.gradient(X, Y).flat) <= 1e-14
    assert [W.shape for W in g.weights] == [W.shape for W in net.weights]


def test_nothing_n_times_p_is_formed():
    net = xpnet.Network([200, 200, 10], loss="cross_entropy", rng=1)
    X, Y = np.ones((500, 200), dtype=np.float32), np.zeros(500, dtype=int)
    net.clipped_gradient(X, Y, 1.0)
    tracemalloc.start()
    net.per_example_norms(X, Y), net.clipped_gradient(X, Y, 1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500 * net.parameters.size * 4 / 10


# --- Kronecker factors


def block(net, layer, G):
    """Return the rows and columns of a (P, P) matrix for [W | b] of a dense layer."""
    W, b = layer.slots
    rows = [
        np.append(np.arange(W.shape[1]) + W.offset + j * W.shape[1], b.offset + j)
        for j in range(W.shape[0])
    ]
    places = np.concatenate(rows)
    return G[np.ix_(places, places)]


@pytest.mark.parametrize("loss", ["squared_error", "mean_squared_error", "gaussian_nll"])
def test_of_one_linear_layer_the_ggn_block_is_exact(backend, loss):
    """H_n is the same for all n (of gaussian_nll if its ln v is), so the mean factorises."""
    net = network(backend, [3, 4], loss=loss)
    if loss == "gaussian_nll":
        theta = to_numpy(net.parameters).copy()
        theta[6:12] = 0  # ln v does not depend on x
        net.set_parameters(theta)
    X, Y = problem(loss, sizes=[3, 4])
    ((A, G),) = net.kronecker_factors(X)
    exact = to_numpy(net.ggnvp(X, Y, np.eye(16)))
    assert relative(np.kron(to_numpy(G), to_numpy(A)), block(net, net.layers[0], exact)) <= 1e-13


@on_backends("chain", list(CHAINS), jax=["residual, projected"])
def test_of_one_example_every_block_is_exact(backend, chain):
    net, (X, Y) = chained(backend, chain), examples(1)
    P = net.parameters.shape[0]
    exact = to_numpy(net.ggnvp(X, Y, np.eye(P)))
    blocks = iter(net.kronecker_factors(X, Y))
    every = list(slots(net.layers))
    while every:
        slot = every.pop(0)
        A, G = map(to_numpy, next(blocks))
        places = np.arange(slot.offset, slot.offset + slot.size)
        if slot.is_table:
            found = np.kron(A, G)
        else:
            found = np.kron(G, A)
            if every and slot.name == "weight":  # the bias follows, and is folded in
                bias, (m, n) = every.pop(0), slot.shape
                folded = np.append(
                    places.reshape(m, n), bias.offset + np.arange(m)[:, None], axis=1
                )
                places = folded.reshape(-1)
        assert relative(found, exact[np.ix_(places, places)]) <= 1e-12
    assert next(blocks, None) is None


@pytest.mark.parametrize("pair", sorted(ONE_OF_EACH), ids="-".join)
def test_factors_are_means_over_the_examples(pair):
    net, _ = dense(get_backend("numpy"), *pair)
    X, Y = problem(pair[1])
    for kind in ("ggn", "empirical"):
        together = net.kronecker_factors(X, Y, kind=kind)
        alone = [net.kronecker_factors(X[n : n + 1], Y[n : n + 1], kind=kind) for n in range(4)]
        for l, (A, G) in enumerate(together):
            assert relative(A, np.mean([each[l].A for each in alone], axis=0)) <= 1e-13
            mean = np.mean([each[l].G for each in alone], axis=0)
            assert np.linalg.norm(G - mean) <= 1e-13 * max(np.linalg.norm(mean), 1e-3)


def test_the_empirical_ones_are_of_the_gradients(backend):
    net = network(backend, SIZES, activation="tanh", loss="cross_entropy")
    X, Y = problem("cross_entropy")
    norms = to_numpy(net.per_example_norms(X[:1], Y[:1], by_layer=True))[0]
    for (A, G), norm in zip(net.kronecker_factors(X[:1], Y[:1], "empirical"), norms, strict=True):
        assert np.trace(to_numpy(A)) * np.trace(to_numpy(G)) == pytest.approx(norm**2, rel=1e-13)


SAMPLED = [
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
    ("exp", "poisson"),
    ("identity", "gaussian_nll"),
    ("identity", "squared_error"),
    ("identity", "mean_squared_error"),
    ("softplus", "poisson"),
    ("softmax", xpnet.losses.CrossEntropy(0.2)),
    ("identity", xpnet.losses.GaussianNLL(minimum_variance=0.5)),
]


@pytest.mark.parametrize(("output", "loss"), SAMPLED, ids=str)
def test_the_mean_over_sampled_labels_is_the_ggn(output, loss):
    net = network(get_backend("numpy"), [2, 3, 4], activation="tanh", output=output, loss=loss)
    X = np.repeat(np.random.default_rng(0).normal(size=(3, 2)), 20_000, axis=0)
    exact, sampled = net.kronecker_factors(X[::20_000]), net.kronecker_factors(X, kind="sampled")
    for (A, G), (A_too, G_too) in zip(exact, sampled, strict=True):
        assert relative(A_too, A) <= 1e-12
        assert relative(G_too, G) <= 0.05
        assert relative(G_too, G) > 1e-6


def test_sampled_labels_are_the_same_on_every_backend_for_a_seed(backend):
    X, _ = problem("cross_entropy")
    found = [
        network(b, SIZES, loss="cross_entropy").kronecker_factors(X, kind="sampled", rng=rng)
        for b, rng in ((backend, 1), (get_backend("numpy"), 1), (backend, 2))
    ]
    assert relative(found[0][0].G, to_numpy(found[1][0].G)) <= 1e-12
    assert relative(found[0][0].G, to_numpy(found[2][0].G)) > 1e-3


def test_text_labels_are_sampled_by_name():
    net = xpnet.Network([3, 4], loss="cross_entropy", classes=list("abcd"), dtype="float64")
    X, _ = problem("cross_entropy")
    (A, _), (expected, _) = (net.kronecker_factors(X, kind=k)[0] for k in ("sampled", "ggn"))
    assert relative(A, expected) == 0


# --- the kernel


@each_chain_one_on_jax
def test_the_kernel_is_that_of_the_jacobian(backend, chain):
    net, (X, _) = chained(backend, chain), examples(N)
    J = to_numpy(net.jacobian(X, by="parameters"))
    expected = np.einsum("nip,mjp->nmij", J, J)
    assert relative(net.ntk(X), expected) <= 1e-13
    assert relative(net.ntk(X[:4], X[4:]), expected[:4, 4:]) <= 1e-13


# --- bad input, one example


@pytest.mark.parametrize("chain", COUPLED)
def test_batch_norm_in_training_is_refused_by_name(chain):
    net, (X, Y) = chained(get_backend("numpy"), chain), examples(N)
    for call in (
        net.per_example_gradients,
        net.per_example_norms,
        lambda X, Y, training: net.clipped_gradient(X, Y, 1.0, training=training),
    ):
        with pytest.raises(ValueError, match="batch norm in training couples the examples"):
            call(X, Y, training=True)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda net, X, Y: net.clipped_gradient(X, Y, 0), "clip_norm must be"),
        (lambda net, X, Y: net.clipped_gradient(X, Y, float("inf")), "clip_norm must be"),
        (lambda net, X, Y: net.per_example_norms(X, Y, by_layer=1), "by_layer must be True or"),
        (lambda net, X, Y: net.per_example_gradients(X, Y[:2]), "Y"),
        (lambda net, X, Y: net.kronecker_factors(X, Y, kind="x"), "kind must be one of ggn, samp"),
        (lambda net, X, Y: net.kronecker_factors(X), "loss 'huber' has no distribution.*give Y"),
        (lambda net, X, Y: net.kronecker_factors(X, Y, "sampled"), "'huber' has no distribution"),
        (lambda net, X, Y: net.kronecker_factors(X, kind="empirical"), "give Y"),
        (lambda net, X, Y: net.kronecker_factors(X, rng=-1), "rng must not be negative"),
        (lambda net, X, Y: net.ntk(X, X[:, :2]), "X has 2 columns"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, says):
    net = network(get_backend("numpy"), SIZES, loss="huber")
    with pytest.raises((ValueError, TypeError), match=says):
        call(net, *problem("huber"))


def test_more_than_the_memory_is_refused(monkeypatch):
    net = network(get_backend("numpy"), SIZES, loss="huber")
    monkeypatch.setattr("xpnet.checks.directions.machine_memory", lambda: 100)
    X, Y = problem("huber")
    with pytest.raises(MemoryError, match=r"per-example gradients \(4, 59\) would take"):
        net.per_example_gradients(X, Y)
    with pytest.raises(MemoryError, match=r"a neural tangent kernel \(4, 4, 3, 3\) would take"):
        net.ntk(X)


def test_one_example_is_a_batch_of_one(backend):
    net = network(backend, [5, Embedding(3, 2), Residual([LayerNorm(), 6]), 3], loss="huber")
    X, Y = (
        np.asarray([[1.0, 0.3, 0.2, -0.1, 0.7]]),
        random_targets(np.random.default_rng(0), "huber", 1, 3),
    )
    assert tuple(net.per_example_gradients(X[0], Y[0]).shape) == (layout(net.layers).size,)
    assert relative(net.per_example_gradients(X[0], Y[0]), net.gradient(X, Y).flat) <= 1e-14
    assert tuple(net.per_example_norms(X[0], Y[0]).shape) == ()
    assert tuple(net.per_example_norms(X[0], Y[0], by_layer=True).shape) == (3,)


def test_an_own_layer_without_factors_is_named():
    from tests.support.own_layer import Shift

    net = xpnet.Network([3, Shift(), 2], dtype="float64", loss="huber")
    with pytest.raises(ValueError, match=r"layer BoundShift has no method 'factors'"):
        net.per_example_norms(np.ones((4, 3)), np.ones((4, 2)))

"""All layers except plain dense ones: derivatives, masks, statistics, and combinations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import xpnet
from tests.support.chains import (
    CHAINS,
    EVERY_KIND,
    chained,
    each_chain,
    each_chain_few_on_jax,
    examples,
)
from tests.support.helpers import needed, needs_jax, network, relative
from xpnet.backends import get_backend, move, to_numpy
from xpnet.backends.numpy_backend import NumpyBackend
from xpnet.derivatives.gradient import gradient
from xpnet.engines.step import Feed, Recipe, start, step
from xpnet.equations import passes
from xpnet.equations.masks import context, keep, key_of
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm, Residual
from xpnet.layers.embedding import EmbeddingLayer

# --- derivatives


@each_chain_few_on_jax  # the next test compares with torch
@pytest.mark.parametrize("training", [False, True])
def test_gradients_equal_differences(backend, chain, training):
    net = chained(backend, chain)
    errors = xpnet.gradient_check(net, *examples(), training=training, directions=3)
    assert len(errors) == sum(bool(layer.slots) for layer in net.layers)
    assert max(errors) < 1e-7


@each_chain
@pytest.mark.parametrize("training", [False, True])
def test_gradients_and_statistics_equal_torch(backend, chain, training):
    torch = needed("torch")
    from tests.support import twins

    net = chained(backend, chain)
    X, Y = examples()
    theta = torch.tensor(to_numpy(net.parameters), requires_grad=True)
    stats = [torch.tensor(to_numpy(s)) for s in net.statistics]
    mask = twins.mask_of(net.seed, net.epoch, np.arange(len(X), dtype=np.int32))
    Z = twins.preactivation(net.layers, theta, torch.tensor(X), stats, mask if training else None)
    value = torch.nn.functional.cross_entropy(Z, torch.tensor(Y))
    value.backward()

    out = backend.xp.zeros_like(net.parameters) if backend.in_place else None
    ctx = context(backend, net.layers, net.seed, net.epoch, len(X), training)
    arguments = net.parameters, move(backend, X), move(backend, Y), None, 1 / len(X), out
    total, g, after = gradient(backend, net.layers, net.loss, *arguments, net.statistics, ctx)
    assert float(total) / len(X) == pytest.approx(float(value.detach()), rel=1e-12)
    assert relative(g, theta.grad.numpy()) <= 1e-12
    for found, expected in zip(after, stats, strict=True):
        assert relative(found, expected.numpy()) <= 1e-13
    if not training:
        np.testing.assert_allclose(to_numpy(net(X)), torch.softmax(Z, -1).detach(), rtol=1e-12)


def test_vectors_begin_with_a_length_of_about_one():
    """The entries are normal with variance 1/dim, for each column's dim."""
    net = xpnet.Network([2, Embedding([2000, 3000], [4, 25]), 2], dtype="float64", rng=1)
    theta = net.parameters
    for slot, dim in zip(net.layers[0].slots, (4, 25), strict=True):
        E = theta[slot.offset : slot.offset + slot.size].reshape(slot.shape)
        assert np.mean(np.sum(E**2, axis=1)) == pytest.approx(1.0, rel=0.05)
        assert E.shape[1] == dim


@each_chain
def test_a_stack_of_three_networks_is_three_networks(backend, chain):
    xp = backend.xp
    nets = [chained(backend, chain, rng=r) for r in range(3)]
    X, Y = examples()
    theta = xp.stack([net.parameters for net in nets])
    stats = tuple(xp.stack(parts) for parts in zip(*(net.statistics for net in nets), strict=True))
    out = xp.zeros_like(theta) if backend.in_place else None
    ctx = context(backend, nets[0].layers, 5, 0, len(X), training=True)
    X, Y = move(backend, X), move(backend, Y)
    fixed = backend, nets[0].layers, nets[0].loss
    labels = xp.stack([Y, Y, Y])
    _, g, after = gradient(*fixed, theta, X, labels, None, 0.1, out, stats, ctx)
    A = passes.outputs(*fixed[:2], theta, X, stats)
    for r, net in enumerate(nets):
        _, one, own = gradient(*fixed, net.parameters, X, Y, None, 0.1, None, net.statistics, ctx)
        assert relative(to_numpy(g)[r], one) <= 1e-13
        assert relative(to_numpy(A)[r], net(X)) <= 1e-13
        for stacked, alone in zip(after, own, strict=True):
            assert relative(to_numpy(stacked)[r], alone) <= 1e-14


@needs_jax
@pytest.mark.parametrize("chain", EVERY_KIND)
def test_the_step_under_jit_is_the_step(chain):
    import jax

    backend = get_backend("jax")
    net = chained(backend, chain)
    X, Y = (move(backend, part) for part in examples())
    optimizer = xpnet.optimizers.Adam()
    fixed = Recipe(backend, net.layers, net.loss, optimizer)
    index, key = move(backend, np.asarray([0, 3, 4, 8])), move(backend, key_of(0, 0))
    arguments = Feed(X, Y), index, optimizer.coefficients(1, 0.01), key

    def begin():
        return start(fixed, net.parameters, net.statistics)

    eager, total = step(fixed, begin(), *arguments)
    found, found_total = jax.jit(step, static_argnums=(0,))(fixed, begin(), *arguments)
    assert float(found_total) == pytest.approx(float(total), rel=1e-12)
    assert relative(found.theta, eager.theta) <= 1e-12


# --- training


@each_chain
def test_the_first_steps_are_the_same_on_every_backend(backend, chain):
    X, Y = examples(N=60)
    here, numpy = (chained(b, chain) for b in (backend, get_backend("numpy")))
    for net in (here, numpy):
        net.fit(X, Y, epochs=2, batch_size=6)
    assert relative(here.parameters, numpy.parameters) <= 1e-11
    for found, expected in zip(here.statistics, numpy.statistics, strict=True):
        assert relative(found, expected) <= 1e-11


@each_chain_few_on_jax  # each kind of layer is in one of them
def test_a_file_brings_everything_back(backend, chain, tmp_path):
    net = chained(backend, chain)
    X, Y = examples()
    net.fit(X, Y, epochs=1)
    net.save(tmp_path / "m.safetensors")
    again = xpnet.load(tmp_path / "m.safetensors", backend)
    np.testing.assert_array_equal(to_numpy(again.parameters), to_numpy(net.parameters))
    np.testing.assert_array_equal(to_numpy(again(X)), to_numpy(net(X)))
    assert again.layers == net.layers
    for other in (net, again):
        other.fit(X, Y, epochs=2, batch_size=4)  # and a last batch of one
    np.testing.assert_array_equal(to_numpy(again.parameters), to_numpy(net.parameters))
    moved = net.to("numpy", dtype="float64")
    np.testing.assert_allclose(moved(X), to_numpy(net(X)), rtol=1e-12)


def test_evaluation_uses_running_statistics_and_no_masks(backend):
    net = chained(backend, "all")
    X, Y = examples()
    whole = to_numpy(net(X))
    for n in (1, 4):  # means of batches would depend on n
        np.testing.assert_allclose(to_numpy(net(X[:n])), whole[:n], rtol=1e-12)
    history = net.fit(X, Y, epochs=1, learning_rate=0.0, validation_data=(X, Y))
    assert history.validation_loss[0] == pytest.approx(net.evaluate(X, Y)["loss"], rel=1e-13)


def test_a_last_batch_of_one_leaves_the_running_variance(backend):
    """33 examples in batches of 32: a single example has no variance."""
    X, Y = np.random.default_rng(0).normal(size=(33, 5)), np.arange(33) % 3
    nets = [network(backend, [5, 4, BatchNorm(), 3], loss="cross_entropy") for _ in range(2)]
    settings = {"epochs": 1, "batch_size": 32, "learning_rate": 0.0, "shuffle": False}
    nets[0].fit(X, Y, **settings)
    nets[1].fit(X[:32], Y[:32], **settings)
    (mean, variance), (mean_32, variance_32) = (net.statistics for net in nets)
    np.testing.assert_array_equal(to_numpy(variance), to_numpy(variance_32))
    assert np.all(to_numpy(mean) != to_numpy(mean_32))


@pytest.mark.parametrize(
    ("width", "expected"),
    [(5, 3 + 3 + 3 + 2), (7, 4 + 4 + 3 + 2)],  # Z, dW or dP, db; dA of only two inner layers
)
def test_a_first_residual_layer_forms_no_gradient_of_the_input(width, expected):
    rng, products = np.random.default_rng(0), []

    class Counting(NumpyBackend):
        def matmul(self, a, b, out=None):
            products.append(b.shape)
            return super().matmul(a, b, out=out)

    net = network(
        Counting(np, "cpu"), [5, Residual([6, width]), 3], activation="tanh", loss="huber"
    )
    X, rows = rng.normal(size=(40, 5)), rng.normal(size=(40, 3))
    assert max(xpnet.gradient_check(net, X, rows)) < 1e-8
    products.clear()
    net.gradient(X, rows)
    assert len(products) == expected


def test_an_error_in_a_fit_brings_statistics_back(backend):
    net = chained(backend, "batch norm")
    before = [to_numpy(stat).copy() for stat in net.statistics]

    def fail(net, history):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        net.fit(*examples(), callbacks={"step_end": fail})  # within the first epoch
    for stat, old in zip(net.statistics, before, strict=True):
        np.testing.assert_array_equal(to_numpy(stat), old)


# --- masks


def test_masks_are_the_same_bits_on_every_backend(backend):
    rows = np.arange(1000, 1200, dtype=np.int64)
    here = keep(backend.xp, move(backend, key_of(3, 4)), 2, move(backend, rows), 37, 0.3)
    expected = keep(np, key_of(3, 4), 2, rows, 37, 0.3)
    np.testing.assert_array_equal(to_numpy(here), expected)


def test_masks_never_change():
    """The masks come from the first version; a change would change every user's results."""
    kept = keep(np, key_of(0, 0), 0, np.arange(2), 16, 0.5)
    assert ["".join("01"[int(bit)] for bit in row) for row in kept] == [
        "0101011011100101",
        "1000000001000100",
    ]


def test_a_mask_belongs_to_the_example_not_to_the_batch():
    every = keep(np, key_of(1, 1), 0, np.arange(50), 8, 0.4)
    some = keep(np, key_of(1, 1), 0, np.asarray([7, 3, 49]), 8, 0.4)
    np.testing.assert_array_equal(some, every[[7, 3, 49]])


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_masks_keep_the_share_that_they_should(rate):
    kept = keep(np, key_of(5, 0), 1, np.arange(1000), 1000, rate)
    assert kept.mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 1e6) + 1e-9)
    deviation = np.sqrt(rate * (1 - rate) / 1000)
    for axis in (0, 1):  # no row and no column stands out
        assert np.abs(kept.mean(axis=axis) - (1 - rate)).max() <= 5 * deviation + 1e-9


@pytest.mark.parametrize(
    "other",
    [(6, 0, 1, 0, 0), (5, 1, 1, 0, 0), (5, 0, 2, 0, 0), (5, 0, 1, 1, 0), (5, 0, 1, 0, 1)],
    ids=["seed", "epoch", "layer", "next row", "next unit"],
)
def test_masks_of_another_address_are_independent(other):
    seed, epoch, layer, row, unit = other
    a = keep(np, key_of(5, 0), 1, np.arange(400), 400, 0.5)
    b = keep(np, key_of(seed, epoch), layer, np.arange(row, row + 400), 400 + unit, 0.5)[:, unit:]
    agreement = np.mean(a == b)
    assert abs(agreement - 0.5) < 5 * 0.5 / 400


# --- combinations of layers


def test_integers_and_layers_mix():
    net = xpnet.Network([7, Dense(5, "tanh"), Dropout(0.2), 4, BatchNorm(), 3], activation="elu")
    assert net.sizes == (7, 5, 4, 3)
    dense = [layer for layer in net.layers if layer.kind == "dense"]
    assert [layer.activation.name for layer in dense] == ["tanh", "elu", "identity"]
    assert [W.shape for W in net.weights] == [(5, 7), (4, 5), (3, 4)]
    assert [b.shape for b in net.biases] == [(5,), (4,), (3,)]
    text = net.summary()
    for expected in ("1 dense", "2 dropout", "4 batch norm", "gain 1 × 4", "weight 5 × 7", "tanh"):
        assert expected in text


def test_weights_come_first_whatever_the_layers():
    net = xpnet.Network(CHAINS["all"])
    every = [slot for layer in net.layers for slot in layer.slots]
    n_weights = sum(slot.size for slot in every if slot.is_weight)
    assert all((slot.offset < n_weights) == slot.is_weight for slot in every)
    at = sorted((slot.offset, slot.size) for slot in every)
    assert at[0][0] == 0
    assert all(a + n == b for (a, n), (b, _) in pairwise(at))
    assert sum(at[-1]) == net.parameters.shape[0]


def test_a_network_without_sizes_takes_layers_around_which_it_fits():
    net = xpnet.Network(hidden=(8, Dropout(0.1), BatchNorm()))
    X, Y = examples(N=30)
    net.fit(X, Y, epochs=2)
    assert [layer.kind for layer in net.layers] == ["dense", "dropout", "batch norm", "dense"]
    assert net.sizes == (5, 8, 4)


def test_the_last_layer_may_name_the_output():
    net = xpnet.Network([5, 8, Dense(4, "identity")], loss="cross_entropy")
    assert net.layers[-1].activation.name == "identity"
    with pytest.raises(ValueError, match="leave output out"):
        xpnet.Network([5, 8, Dense(4, "identity")], output="softmax")
    with pytest.raises(ValueError, match="takes the output"):
        xpnet.Network([5, 8, Dense(4, "tanh")], loss="cross_entropy")


def test_own_activations_within_layers_are_given_to_load(tmp_path):
    square = xpnet.elementwise("square", lambda xp, Z: Z * Z, lambda xp, Z, A: 2 * Z)
    net = xpnet.Network([3, Residual([Dense(3, square)]), 2], loss="huber")
    net.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"square.*custom="):
        xpnet.load(tmp_path / "m.safetensors")
    again = xpnet.load(tmp_path / "m.safetensors", custom=(square,))
    np.testing.assert_array_equal(again([1.0, 2.0, 3.0]), net([1.0, 2.0, 3.0]))


# --- bad input


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Dropout(1.0), ValueError, r"rate of dropout must lie in \[0, 1\)"),
        (lambda: Dropout(-0.1), ValueError, r"\[0, 1\)"),
        (lambda: Dropout("0.5"), ValueError, r"\[0, 1\)"),
        (lambda: BatchNorm(momentum=1.0), ValueError, "momentum"),
        (lambda: BatchNorm(epsilon=-1.0), ValueError, "epsilon"),
        (lambda: LayerNorm(epsilon=float("nan")), ValueError, "epsilon"),
        (lambda: Dense(0), ValueError, "units must be a positive integer"),
        (lambda: Dense(3, "rellu"), ValueError, "did you mean 'relu'"),
        (lambda: Residual([]), ValueError, "at least one layer"),
        (lambda: Residual([4, Embedding(3, 2)]), ValueError, "first layer"),
        (lambda: Embedding([3, 4], 2, columns=[1]), ValueError, "columns must name 2"),
        (lambda: Embedding([3, 4], 2, columns=[1, 1]), ValueError, "different columns"),
        (lambda: Embedding(3, 0), ValueError, "dim"),
        (lambda: Embedding([3, 4], [2]), ValueError, r"dim must be one width, or 2, got \[2\]"),
        (lambda: xpnet.Network([5, Dropout(0.5)]), ValueError, "last layer must be dense"),
        (lambda: xpnet.Network([Dense(5), 3]), ValueError, r"sizes\[0\] is the width"),
        (lambda: xpnet.Network([5, 4, Embedding(3, 2), 3]), ValueError, "only be the first"),
        (lambda: xpnet.Network([5, Embedding(3, 2, columns=5), 3]), ValueError, "5 columns"),
        (lambda: xpnet.Network([5, "dropout", 3]), TypeError, "positive integer"),
    ],
)
def test_layers_that_make_no_sense_are_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize("value", [-1.0, 3.0, 0.5])
def test_a_category_that_is_not_there_is_refused(backend, value):
    net = chained(backend, "embedding")
    X, Y = examples()
    X[2, 1] = value
    before = to_numpy(net.parameters).copy()
    for use in (lambda: net(X), lambda: net.gradient(X, Y), lambda: net.fit(X, Y)):
        with pytest.raises(ValueError, match="column 1 of X is embedded with 3 categories"):
            use()
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


@pytest.mark.parametrize("kind", ["embedding", "embedding of two widths", "embedding alone"])
def test_a_prediction_takes_rows_where_a_pass_that_returns_multiplies(backend, kind, monkeypatch):
    net = chained(backend, kind)
    X, _ = examples()
    Z = passes.forward(backend, net.layers, net.parameters, move(backend, X, "float64")).Z
    expected = to_numpy(net.layers[-1].activation.f(backend.xp, Z))
    monkeypatch.setattr(EmbeddingLayer, "_one_hot", None)  # (N, categories): never formed
    np.testing.assert_allclose(to_numpy(net(X)), expected, rtol=1e-14)
    np.testing.assert_allclose(to_numpy(net.predict(X, batch_size=3)), expected, rtol=1e-13)
    np.testing.assert_allclose(to_numpy(net(X[0])), expected[0], rtol=1e-13)


# --- the last layer, initial values, and buffers


def test_it_is_the_last_layer_that_names_the_output():
    """An earlier layer with an activation does not."""
    with pytest.raises(ValueError, match=r"takes the output 'softmax' or 'identity', not 'relu'"):
        xpnet.Network([4, 8, 6, Dense(3, "relu")], loss="cross_entropy")
    net = xpnet.Network([4, 8, Dense(6, "tanh"), Dense(3, "identity")], loss="cross_entropy")
    assert [layer.activation.name for layer in net.layers] == ["relu", "tanh", "identity"]
    with pytest.raises(ValueError, match="not 'relu'"):
        xpnet.Network([4, Dense(8, "identity"), 6, Dense(3, "relu")], loss="cross_entropy")


@pytest.mark.parametrize("layer", [LayerNorm(), BatchNorm()], ids=repr)
def test_gains_start_at_one_and_shifts_at_zero(backend, layer):
    net = xpnet.Network([4, 5, layer, 3], loss="squared_error", backend=backend)
    theta, bound = to_numpy(net.parameters), net.layers[1]
    gain, shift = (theta[slot.offset : slot.offset + slot.size] for slot in bound.slots)
    assert [slot.name for slot in bound.slots] == ["gain", "shift"]
    assert (gain.tolist(), shift.tolist()) == ([1.0] * 5, [0.0] * 5)
    if net.statistics:
        mean, variance = map(to_numpy, net.statistics)
        assert (mean.tolist(), variance.tolist()) == ([[0.0] * 5], [[1.0] * 5])


def test_biases_start_at_zero():
    net = xpnet.Network([4, 5, Residual([Dense(6), 5]), 3])
    assert not any(b.any() for b in net.biases)


def overwriting(slope=2.0):
    """Return f(z) = slope · z whose vjp writes into dA, as an activation may."""

    def vjp(xp, Z, A, dA):
        dA *= slope
        return dA

    return xpnet.Activation("own", lambda xp, Z: Z * slope, vjp, lambda xp, Z, A, tZ: tZ * slope)


@pytest.mark.parametrize("inner", [[5], [Dense(7), 5], [6, Residual([6]), 5]], ids=repr)
@pytest.mark.parametrize("first", [False, True])
def test_an_activation_may_write_into_dA_within_a_residual(backend, inner, first):
    """The path around the layers still receives the original dB."""
    before = [] if first else [5]
    net = xpnet.Network(
        [5, *before, Residual(inner), 3],
        activation=overwriting(),
        loss="squared_error",
        backend=backend,
        dtype="float64",
        rng=1,
    )
    X, Y = np.random.default_rng(0).normal(size=(2, 6, 5)) * 0.3
    assert max(xpnet.gradient_check(net, X, Y[:, :3])) < 1e-7

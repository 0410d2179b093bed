"""`Network.losses`: the loss of every example; their weighted mean is `evaluate`'s loss."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network, random_targets
from xpnet.backends import to_numpy
from xpnet.losses import LOSSES, CrossEntropy, Masked, MultiCrossEntropy

SIZES, N = [3, 6, 4], 13
HEADS = MultiCrossEntropy((3, 2, 4))


def targets_of(name, rng):
    """Return targets of a named loss, of "heads", or, with some of them missing, of "masked"."""
    if name == "heads":
        return np.stack([rng.integers(0, n, N) for n in HEADS.heads], axis=-1)
    if name == "masked heads":
        return np.where(rng.random((N, 3)) < 0.4, -1, targets_of("heads", rng))
    if name == "masked":
        return np.where(rng.random((N, 4)) < 0.4, np.nan, rng.normal(size=(N, 4)))
    return random_targets(rng, name, N, 4)


OWN = {"heads": HEADS, "masked heads": Masked(HEADS), "masked": Masked(LOSSES["huber"])}


def problem(backend, name, **settings):
    """Return a network with that loss, and X, Y and w."""
    rng = np.random.default_rng(5)
    sizes = [3, 6, 9] if "heads" in name else SIZES
    net = network(backend, sizes, loss=OWN.get(name, name), **settings)
    return net, rng.normal(size=(N, 3)), targets_of(name, rng), rng.uniform(0.1, 2.0, N)


@pytest.mark.parametrize("name", [*LOSSES, *OWN])
def test_their_weighted_mean_is_the_loss_of_evaluate_and_of_the_gradient(backend, name):
    net, X, Y, w = problem(backend, name)
    each = net.losses(X, Y)
    assert backend.has(each, "float64")
    assert each.shape == (N,)
    mean = np.average(to_numpy(each), weights=w)
    assert mean == pytest.approx(net.evaluate(X, Y, w)["loss"], rel=1e-13)
    assert mean == pytest.approx(net.value_and_gradient(X, Y, w)[0], rel=1e-12)


@pytest.mark.parametrize("name", [*LOSSES, *OWN])
def test_each_is_the_loss_of_its_example_alone(backend, name):
    net, X, Y, _ = problem(backend, name)
    alone = [net.value_and_gradient(x, y)[0] for x, y in zip(X, Y, strict=True)]
    np.testing.assert_allclose(to_numpy(net.losses(X, Y)), alone, rtol=1e-12, atol=1e-15)
    one = net.losses(X[2], Y[2])
    assert one.shape == ()
    assert float(one) == pytest.approx(alone[2], rel=1e-12)
    assert net.losses(X[2:3], Y[2:3]).shape == (1,)


def test_pieces_give_the_same_losses(backend):
    net, X, Y, _ = problem(backend, "cross_entropy")
    whole = to_numpy(net.losses(X, Y))
    for size in (1, 5, N, 100):
        np.testing.assert_allclose(to_numpy(net.losses(X, Y, size)), whole, rtol=1e-12)
        np.testing.assert_allclose(to_numpy(net.losses(X, Y, batch_size=size)), whole, rtol=1e-12)


def test_the_dtype_is_the_network_s(backend):
    net, X, Y, _ = problem(backend, "mean_squared_error", dtype="float32")
    assert backend.has(net.losses(X, Y), "float32")


TORCH = {
    "cross_entropy": lambda F, Z, y: F.cross_entropy(Z, y, reduction="none"),
    "binary_cross_entropy": lambda F, Z, y: F.binary_cross_entropy_with_logits(
        Z, y, reduction="none"
    ).mean(dim=1),
    "mean_squared_error": lambda F, Z, y: F.mse_loss(Z, y, reduction="none").mean(dim=1),
    "absolute_error": lambda F, Z, y: F.l1_loss(Z, y, reduction="none").mean(dim=1),
    "huber": lambda F, Z, y: F.huber_loss(Z, y, reduction="none").mean(dim=1),
}


@pytest.mark.parametrize("name", TORCH)
def test_they_are_torch_s_without_its_reduction(backend, name):
    torch = needed("torch")
    net, X, Y, _ = problem(backend, name, output="identity")
    Z = torch.asarray(to_numpy(net(X)).copy())
    expected = TORCH[name](torch.nn.functional, Z, torch.asarray(Y))
    np.testing.assert_allclose(to_numpy(net.losses(X, Y)), expected.numpy(), rtol=1e-12)


def test_layers_act_as_in_predictions(backend):
    layers = [3, 6, xpnet.layers.BatchNorm(), xpnet.layers.Dropout(0.5), 4]
    net = network(backend, layers, loss="mean_squared_error")
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(N, 3)), rng.normal(size=(N, 4))
    net.fit(X, Y, epochs=2)
    expected = np.mean((to_numpy(net(X)) - Y) ** 2, axis=1)
    np.testing.assert_allclose(to_numpy(net.losses(X, Y)), expected, rtol=1e-11)


def test_a_stack_has_a_row_for_each_network(backend):
    _, X, Y, _ = problem(backend, "cross_entropy")
    nets = [network(backend, SIZES, loss="cross_entropy", rng=r) for r in range(3)]
    stack = xpnet.Stack(nets)
    each = stack.losses(X, Y, batch_size=4)
    assert backend.has(each, "float64")
    expected = [to_numpy(net.losses(X, Y)) for net in nets]
    np.testing.assert_allclose(to_numpy(each), expected, rtol=1e-11)
    assert stack.losses(X[0], Y[0]).shape == (3,)


def test_labels_may_be_text():
    rng = np.random.default_rng(1)
    X, codes = rng.normal(size=(N, 3)), rng.integers(0, 3, N)
    codes[:3] = 0, 1, 2
    labels = np.asarray(["ant", "bee", "cat"])[codes]
    net = xpnet.Network(hidden=(5,), dtype="float64")
    net.fit(X, labels, epochs=1)
    np.testing.assert_allclose(net.losses(X, labels), -np.log(net(X)[np.arange(N), codes]))
    assert net.losses(X[0], "ant").shape == ()


def test_an_open_loss_follows_the_targets():
    X = np.random.default_rng(2).normal(size=(5, 3))
    net = xpnet.Network(SIZES, dtype="float64")
    assert net.loss is None
    labels = np.asarray([0, 1, 2, 3, 0])
    assert net.losses(X, labels).mean() == pytest.approx(net.evaluate(X, labels)["loss"])
    assert net.losses(X, net(X)).tolist() == [0.0] * 5


def test_lost_outputs_and_missing_targets():
    X = np.ones((3, 2))
    X[1, 0] = np.nan
    Y = np.full((3, 2), np.nan)
    Y[:2] = 1.0
    net = xpnet.Network([2, 2], loss=Masked(LOSSES["mean_squared_error"]), dtype="float64")
    each = net.losses(X, Y)
    assert np.isnan(each).tolist() == [False, True, False]
    assert each[2] == 0.0


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"batch_size": 1.5}, TypeError, "batch_size"),
        ({"X": np.ones((N, 2))}, ValueError, "X has 2 columns"),
        ({"Y": np.full(N, 9)}, ValueError, "class labels must lie in 0"),
        ({"Y": np.zeros(N - 1, dtype=int)}, ValueError, "X has 13 examples, but Y has"),
    ],
)
def test_bad_input_is_an_error_as_in_evaluate(given, error, told):
    net, X, Y, _ = problem("numpy", "cross_entropy")
    arguments = {"X": X, "Y": Y, **given}
    with pytest.raises(error, match=told) as found:
        net.losses(**arguments)
    with pytest.raises(error) as expected:
        net.evaluate(**arguments)
    assert str(found.value) == str(expected.value)


def test_there_are_no_weights():
    net, X, Y, _ = problem("numpy", "cross_entropy")
    with pytest.raises(TypeError):
        net.losses(X, Y, sample_weight=np.ones(N))


def test_the_loss_s_settings_count():
    net, X, Y, _ = problem("numpy", "cross_entropy")
    smooth = xpnet.Network(SIZES, loss=CrossEntropy(0.1), dtype="float64")
    smooth.set_parameters(net.parameters)
    assert np.all(smooth.losses(X, Y) != net.losses(X, Y))

"""The features of `fit`: classes, weights, penalties, schedules, averages, full-batch solvers."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import xpnet
from tests.support.fits import SIZES, TEXT, data, new
from tests.support.helpers import needed, network, relative
from xpnet import schedules
from xpnet.backends import get_backend, to_numpy
from xpnet.layers import BatchNorm, Dropout
from xpnet.optimizers import SGD, Averaged, Clipped

# --- labels as text


@pytest.mark.parametrize("make", [TEXT.__getitem__, lambda codes: TEXT[codes].tolist()])
def test_labels_as_text_are_numbered_in_order_and_given_back(backend, tmp_path, make):
    X, codes = data()
    names, numbered = make(codes), np.asarray([0, 2, 1])[codes]  # cat < cow < dog
    by_text, by_number = (network(backend, SIZES) for _ in range(2))
    histories = [by_text.fit(X, names, epochs=3), by_number.fit(X, numbered, epochs=3)]
    assert histories[0].loss == histories[1].loss
    assert by_text.classes == ("cat", "cow", "dog")
    assert by_text.evaluate(X, names) == by_number.evaluate(X, numbered)
    assert by_text.value_and_gradient(X, names)[0] == by_number.value_and_gradient(X, numbered)[0]
    predicted = by_text.predict_classes(X)
    expected = np.asarray(by_text.classes)[to_numpy(by_number(X)).argmax(axis=1)]
    np.testing.assert_array_equal(predicted, expected)
    np.testing.assert_array_equal(by_number.predict_classes(X), to_numpy(by_number(X)).argmax(1))
    by_text.save(tmp_path / "m.safetensors")
    again = xpnet.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_classes(X), predicted)


def test_the_short_form_takes_text():
    X, codes = data()
    net = xpnet.Network()
    net.fit(X, TEXT[codes], epochs=1)
    assert net.sizes == (5, 100, 3)


def test_text_that_is_no_class_is_refused():
    X, codes = data()
    net = new()
    for use in (net.gradient, net.evaluate):
        with pytest.raises(TypeError, match="numbered by a network's first fit"):
            use(X, TEXT[codes])
    with pytest.raises(TypeError, match="with a loss for classes"):
        new(loss="huber").fit(X, TEXT[codes])
    net.fit(X, TEXT[codes], epochs=1)
    with pytest.raises(ValueError, match="unknown class 'emu': the network knows cat, cow, dog"):
        net.evaluate(X, ["emu"] * 40)
    with pytest.raises(ValueError, match=r"3 classes .* but the output has 2 units"):
        network(get_backend("numpy"), [5, 4, 2]).fit(X, TEXT[codes])


# --- weights of classes


def test_class_weights_are_weights_of_their_examples(backend):
    X, Y = data()
    for class_weight, w in (
        ({0: 2.0, 2: 0.5}, np.asarray([2.0, 1.0, 0.5])[Y]),
        ("balanced", 40 / (3 * np.bincount(Y))[Y]),
    ):
        found, expected = new(backend), new(backend)
        found.fit(X, Y, class_weight=class_weight, epochs=2, batch_size=16)
        expected.fit(X, Y, sample_weight=w, epochs=2, batch_size=16)
        assert relative(found.parameters, expected.parameters) <= 1e-12
    both, product = new(backend), new(backend)
    s = np.linspace(0.5, 2, 40)
    both.fit(X, Y, class_weight={1: 3.0}, sample_weight=s, epochs=1)
    product.fit(X, Y, sample_weight=s * np.where(Y == 1, 3.0, 1.0), epochs=1)
    assert relative(both.parameters, product.parameters) <= 1e-12


def test_class_weights_may_be_named_by_text_and_need_classes():
    X, codes = data()
    by_text, by_number = new(), new()
    by_text.fit(X, TEXT[codes], class_weight={"dog": 4.0}, epochs=2)
    by_number.fit(X, np.asarray([0, 2, 1])[codes], class_weight={2: 4.0}, epochs=2)
    np.testing.assert_array_equal(by_text.parameters, by_number.parameters)
    with pytest.raises(ValueError, match="class_weight needs class labels"):
        new(loss="huber").fit(*data("huber"), class_weight={0: 1.0})


# --- penalties


@pytest.mark.parametrize("batch_size", [8, 40])
def test_l2_is_weight_decay_of_the_weights_at_any_batch_size(backend, batch_size):
    torch = needed("torch")
    X, Y = data("mean_squared_error")
    net = new(backend, loss="mean_squared_error", activation="tanh")
    n_weights = sum(W.shape[0] * W.shape[1] for W in net.weights)
    layers = [
        [torch.tensor(to_numpy(p), requires_grad=True) for p in pair]
        for pair in zip(net.weights, net.biases, strict=True)
    ]
    groups = [
        {"params": [W for W, _ in layers], "weight_decay": 0.3},
        {"params": [b for _, b in layers], "weight_decay": 0.0},
    ]
    sgd = torch.optim.SGD(groups, lr=0.1)
    for i in range(0, 40, batch_size):
        (W1, b1), (W2, b2) = layers
        A = torch.tanh(torch.tensor(X[i : i + batch_size]) @ W1.T + b1) @ W2.T + b2
        sgd.zero_grad()
        torch.nn.functional.mse_loss(A, torch.tensor(Y[i : i + batch_size])).backward()
        sgd.step()
    net.fit(
        X, Y, epochs=1, batch_size=batch_size, optimizer=SGD(0.1), shuffle=False,
        penalty=xpnet.Penalty(l2=0.3),
    )  # fmt: skip
    expected = [p.detach().numpy().ravel() for group in groups for p in group["params"]]
    assert relative(net.parameters, np.concatenate(expected)) <= 1e-12
    assert n_weights < net.parameters.shape[0]


def test_max_norm_holds_after_a_fit(backend):
    net = new(backend)
    net.fit(*data(), epochs=3, learning_rate=0.1, max_norm=0.7)
    norms = [np.linalg.norm(to_numpy(W), axis=1) for W in net.weights]
    assert max(n.max() for n in norms) <= 0.7 * (1 + 1e-12)
    assert max(n.max() for n in norms) > 0.69


# --- the learning rate, clipping and averages


def test_a_schedule_sets_the_rate_of_every_step(backend):
    X, Y = data("huber")
    rates = []

    def schedule(t):
        rates.append(0.3 / t)
        return rates[-1]

    net, by_hand = new(backend, loss="huber"), new(loss="huber")
    net.fit(X, Y, epochs=2, batch_size=16, optimizer="sgd", learning_rate=schedule, shuffle=False)
    for t, i in enumerate([0, 16, 32] * 2, start=1):
        g = by_hand.gradient(X[i : i + 16], Y[i : i + 16]).flat
        by_hand.set_parameters(by_hand.parameters - 0.3 / t * g)
    assert rates == pytest.approx([0.3 / t for t in range(1, 7)])
    assert relative(net.parameters, by_hand.parameters) <= 1e-12


def test_a_schedule_is_bound_to_the_length_of_the_fit():
    net = new()
    seen = []
    one_cycle = schedules.OneCycle(0.1)
    bound = one_cycle.bind(10, 5)
    net.fit(
        *data(), epochs=2, batch_size=8, optimizer=SGD(one_cycle),
        callbacks={"step_end": lambda net, history: seen.append(len(history.step_loss))},
    )  # fmt: skip
    assert seen == list(range(1, 11))
    plain = new()
    plain.fit(*data(), epochs=2, batch_size=8, optimizer=SGD(lambda t: bound(t)))
    np.testing.assert_allclose(net.parameters, plain.parameters, rtol=1e-12)


def test_reduce_on_plateau_sees_the_epochs():
    rates = []
    original = schedules.rate_at

    class Watched(SGD):
        takes_many = False

        def coefficients(self, t, rate):
            rates.append(rate)
            return super().coefficients(t, rate)

    X, Y = data()
    schedule = schedules.ReduceOnPlateau(1e-12, factor=0.5, patience=0, threshold=1e-3)
    fixed = {"batch_size": None, "compile": False}  # compiling would call coefficients too
    new().fit(X, Y, epochs=4, optimizer=Watched(schedule), **fixed)
    assert rates == [1e-12, 1e-12, 0.5e-12, 0.25e-12]
    assert schedules.rate_at is original


def test_the_average_is_what_a_fit_returns(backend):
    X, Y = data()
    averaged, plain = new(backend), new(backend)
    kept = []
    settings = {"epochs": 4, "batch_size": 40}
    averaged.fit(X, Y, optimizer=Averaged(SGD(0.1), decay=None), **settings)
    plain.fit(
        X, Y, optimizer=SGD(0.1), **settings,
        callbacks=[lambda net, history: kept.append(to_numpy(net.parameters).copy())],
    )  # fmt: skip
    assert relative(averaged.parameters, np.mean(kept, axis=0)) <= 1e-12


def test_clipping_bounds_the_first_step():
    net = new()
    before = net.parameters.copy()
    net.fit(*data(), epochs=1, batch_size=None, optimizer=Clipped(SGD(1.0), norm=1e-3))
    assert np.linalg.norm(net.parameters - before) == pytest.approx(1e-3, rel=1e-2)


# --- all examples at once


def test_lbfgs_finds_a_minimum(backend):
    X, Y = data("mean_squared_error")
    net = new(backend, loss="mean_squared_error", activation="tanh")
    penalty = xpnet.Penalty(l2=0.01)
    calls = []
    history = net.fit(
        X, Y, epochs=500, optimizer="lbfgs", penalty=penalty, validation_data=(X, Y),
        callbacks=[lambda net, history: calls.append(len(history))],
    )  # fmt: skip
    assert history.stopped == "converged"
    assert calls == list(range(1, len(history) + 1))
    value, g = net.objective(X, Y, penalty=penalty)(to_numpy(net.parameters))
    assert history.loss[-1] == pytest.approx(value, rel=1e-12)
    assert np.abs(g).max() < 1e-3
    assert all(b <= a for a, b in zip(history.loss, history.loss[1:], strict=False))
    assert history.validation_loss[-1] == pytest.approx(net.evaluate(X, Y)["loss"], rel=1e-12)


def test_lbfgs_refuses_what_changes_from_call_to_call():
    X, Y = data()
    for layer in (Dropout(0.1), BatchNorm()):
        net = network(get_backend("numpy"), [5, 8, layer, 3], loss="cross_entropy")
        with pytest.raises(ValueError, match="the same at every evaluation"):
            net.fit(X, Y, optimizer="lbfgs")
    with pytest.raises(ValueError, match="has no learning rate"):
        new().fit(X, Y, optimizer="lbfgs", learning_rate=0.1)


def test_scipys_minimize_takes_the_objective(backend):
    optimize = needed("scipy.optimize")
    X, Y = data("mean_squared_error")
    net = new(backend, loss="mean_squared_error", activation="tanh")
    start = to_numpy(net.parameters).copy()
    f = net.objective(X, Y)
    found = optimize.minimize(f, start, jac=True, method="L-BFGS-B", options={"maxiter": 50})
    assert found.fun < 0.5 * f(start)[0]
    np.testing.assert_array_equal(to_numpy(net.parameters), start)
    net.set_parameters(found.x)
    assert net.evaluate(X, Y)["loss"] == pytest.approx(found.fun, rel=1e-12)


def test_predictions_follow_the_parameters():
    """They do so although views of θ are kept between predictions."""

    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    net = xpnet.Network([3, 4, 2], dtype="float64")

    def by_hand(net):
        (V, W), (a, b) = net.weights, net.biases
        return np.maximum(X @ V.T + a, 0) @ W.T + b

    net(X)
    for change in (
        lambda net: net.set_parameters(net.parameters * 2),
        lambda net: net.fit(X, Y, epochs=1),
        lambda net: net.set_weights([W + 1 for W in net.weights], net.biases),
    ):
        change(net)
        for same in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.to()):
            assert np.array_equal(same(X), by_hand(same))
            same.parameters[...] += 0.5
            assert np.array_equal(same(X), by_hand(same))


def test_a_class_is_not_made_of_nan():
    net = xpnet.Network([3, 4, 2], loss="cross_entropy")
    X = np.ones((4, 3), np.float32)
    X[2, 1] = np.nan
    assert np.isnan(net.predict(X)[2]).all()
    with pytest.raises(ValueError, match=r"1 of 4 examples are NaN, the first in row 2"):
        net.predict_classes(X)
    assert net.predict_classes(X[:2]).shape == (2,)


def test_a_history_is_shown_in_a_line():
    net = xpnet.Network([3, 4, 1], loss="squared_error")
    history = net.fit(np.ones((40, 3)), np.ones(40), epochs=30, batch_size=2)
    assert repr(history).startswith("History(30 epochs, epoch=30, step=600, loss=")
    assert len(repr(history)) < 150
    assert repr(xpnet.History()) == "History(0 epochs, engine='plain')"


def test_a_history_without_an_accuracy_says_which_metrics_it_has():
    X, Y = data()
    history = xpnet.Network(SIZES).fit(
        X, Y, epochs=1, metrics=["f1", "top_k_accuracy"], validation_data=(X, Y)
    )
    match = "has validation_f1, validation_top_k_accuracy but not validation_accuracy"
    with pytest.raises(AttributeError, match=match):
        history.validation_accuracy  # noqa: B018
    assert xpnet.Network(SIZES).fit(X, Y, epochs=1).validation_accuracy == []


def test_compile_is_a_truth_value_or_none():
    net = xpnet.Network([3, 4, 1], loss="squared_error")
    with pytest.raises(ValueError, match="compile must be True, False or None, got 'yes'"):
        net.fit(np.ones((4, 3)), np.ones(4), compile="yes")


def test_lbfgs_says_that_it_found_nothing_lower():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 4)).astype("float32"), rng.integers(0, 3, 200)
    net = xpnet.Network([4, 3], loss="cross_entropy")
    history = net.fit(X, Y, optimizer="lbfgs", epochs=500)
    assert len(history) < 500
    assert history.stopped in ("converged", "no lower loss found")

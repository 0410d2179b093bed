"""The features of `fit`: classes, weights, penalties, schedules, early stopping, callbacks."""

from __future__ import annotations

import copy
import json
import pickle
from collections import Counter

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network, random_targets, relative
from xpnet import schedules
from xpnet.backends import get_backend, to_numpy
from xpnet.layers import BatchNorm, Dropout
from xpnet.optimizers import SGD, Averaged, Clipped

SIZES = [5, 8, 3]
TEXT = np.asarray(["cat", "dog", "cow"])


def data(loss="cross_entropy", N=40):
    rng = np.random.default_rng(8)
    return rng.normal(size=(N, SIZES[0])), random_targets(rng, loss, N, SIZES[-1])


def new(backend=None, loss="cross_entropy", **settings):
    return network(backend or get_backend("numpy"), SIZES, loss=loss, **settings)


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


# --- validation


def test_a_fraction_is_set_aside_by_class_and_the_same_everywhere(backend):
    X, Y = data(N=60)
    X[:, 0] = np.arange(60)  # the example's number
    seen = []

    net, numpy = new(backend), new()
    for each in (net, numpy):
        history = each.fit(X, Y, epochs=2, validation_fraction=0.25, optimizer=SGD(0.001))
        seen.append(history)
    assert seen[0].validation_loss == pytest.approx(seen[1].validation_loss, rel=1e-12)
    assert len(seen[0].validation_accuracy) == 2
    from xpnet.checks.inputs import Examples
    from xpnet.training.holdout import hold_out

    numpy = get_backend("numpy")
    train, held = hold_out(numpy, Examples(X, Y, None, True), 0.25, 3)
    assert sorted([*train.X[:, 0], *held.X[:, 0]]) == list(range(60))
    counts = Counter(Y.tolist())
    assert {c: round(0.25 * n) for c, n in counts.items()} == Counter(held.Y.tolist())


def test_labels_of_several_heads_are_held_out_as_real_targets_are():
    """No head's classes count: only the seed decides which rows are held out."""
    from xpnet.checks.inputs import Examples
    from xpnet.training.holdout import hold_out

    numpy, X = get_backend("numpy"), np.arange(60.0)[:, None]
    heads = np.stack([np.arange(60) % 2, np.arange(60) // 6 % 3], axis=1)
    real = hold_out(numpy, Examples(X, heads.astype(float), None, False), 0.25, 3)
    found = hold_out(numpy, Examples(X, heads, None, True), 0.25, 3)
    for part, expected in zip(found, real, strict=True):
        np.testing.assert_array_equal(part.X, expected.X)
        np.testing.assert_array_equal(part.Y, heads[part.X[:, 0].astype(int)])
    one = hold_out(numpy, Examples(X, heads[:, 1:], None, True), 0.25, 3)
    labels = hold_out(numpy, Examples(X, heads[:, 1], None, True), 0.25, 3)
    np.testing.assert_array_equal(one[1].X, labels[1].X)
    assert not np.array_equal(one[1].X, real[1].X)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, "0.2", True])
def test_a_fraction_lies_between_0_and_1(fraction):
    with pytest.raises(ValueError, match="validation_fraction must lie between 0 and 1"):
        new().fit(*data(), validation_fraction=fraction)


def test_a_fraction_leaves_every_class_on_both_sides():
    X, Y = data()
    Y = np.where(np.arange(40) == 7, 2, Y % 2)
    net = new()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="leaves one side without any"):
        net.fit(X, Y, validation_fraction=0.2)
    np.testing.assert_array_equal(net.parameters, before)
    with pytest.raises(ValueError, match="not both"):
        net.fit(X, Y, validation_fraction=0.2, validation_data=(X, Y))


def test_metrics_are_of_the_validation_data_after_each_epoch(backend):
    X, Y = data()
    net = new(backend)
    history = net.fit(
        X, Y, epochs=2, validation_data=(X, Y), metrics=["accuracy", "top_k_accuracy", "f1"]
    )
    results = net.evaluate(X, Y, metrics=["accuracy", "f1"])
    assert list(history.metrics) == [
        f"validation_{name}" for name in ("accuracy", "top_k_accuracy", "f1")
    ]
    assert history.metrics["validation_accuracy"][-1] == pytest.approx(results["accuracy"])
    assert history.metrics["validation_f1"][-1] == pytest.approx(results["f1"])
    assert net.evaluate(X, Y, batch_size=7, metrics="f1")["f1"] == pytest.approx(results["f1"])
    with pytest.raises(ValueError, match="did you mean 'accuracy'"):
        net.fit(X, Y, metrics=["acuracy"])
    with pytest.raises(ValueError, match="does not suit"):
        net.fit(X, Y, metrics=["r2"], validation_data=(X, Y))


def test_regression_metrics_and_auc(backend):
    X, Y = data("huber")
    net = new(backend, loss="huber")
    A = to_numpy(net(X))
    results = net.evaluate(X, Y, metrics=["rmse", "mae", "r2"], batch_size=9)
    assert results["rmse"] == pytest.approx(np.sqrt(np.mean((A - Y) ** 2, axis=0)).mean())
    assert results["mae"] == pytest.approx(np.mean(np.abs(A - Y)))
    binary = network(backend, [5, 4, 2], loss="cross_entropy")
    labels = np.arange(40) % 2
    P = to_numpy(binary(X))[:, 1]
    pairs = P[labels == 1][:, None] - P[labels == 0]
    expected = np.mean(pairs > 0) + np.mean(pairs == 0) / 2
    found = binary.evaluate(X, labels, metrics=["auc"], batch_size=11)["auc"]
    assert found == pytest.approx(expected)


# --- early stopping


def falling_then_rising(bottom):
    """Return a callback that writes validation losses, whose minimum is at an epoch."""

    def write(net, history):
        history.validation_loss.append(float(abs(len(history) - bottom)))

    return write


def test_early_stopping_waits_its_patience_and_brings_the_best_back(backend):
    X, Y = data()
    kept = []
    net = network(backend, SIZES, loss="cross_entropy")
    history = net.fit(
        X, Y, epochs=50, early_stopping=3,
        callbacks=[
            falling_then_rising(4),
            lambda net, history: kept.append(to_numpy(net.parameters).copy()),
        ],
    )  # fmt: skip
    assert history.stopped == "early"
    assert len(history) == 4 + 3
    assert history.best_epoch == 4
    np.testing.assert_array_equal(to_numpy(net.parameters), kept[3])


def test_early_stopping_may_leave_the_last_parameters():
    net = new()
    history = net.fit(
        *data(), epochs=50, callbacks=[falling_then_rising(2)],
        early_stopping=xpnet.EarlyStopping(patience=2, restore_best=False),
    )  # fmt: skip
    once = new()
    once.fit(*data(), epochs=len(history))
    np.testing.assert_array_equal(net.parameters, once.parameters)
    assert history.best_epoch is None


def test_the_best_is_brought_back_also_where_the_fit_ends_by_itself():
    net = new()
    history = net.fit(*data(), epochs=5, callbacks=[falling_then_rising(2)], early_stopping=True)
    assert history.stopped is None
    assert history.best_epoch == 2
    twice = new()
    twice.fit(*data(), epochs=2)
    np.testing.assert_array_equal(net.parameters, twice.parameters)


def test_early_stopping_brings_statistics_back():
    net = network(get_backend("numpy"), [5, 8, BatchNorm(), 3], loss="cross_entropy")
    net.fit(*data(), epochs=5, callbacks=[falling_then_rising(2)], early_stopping=True)
    twice = network(get_backend("numpy"), [5, 8, BatchNorm(), 3], loss="cross_entropy")
    twice.fit(*data(), epochs=2)
    for found, expected in zip(net.statistics, twice.statistics, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_early_stopping_watches():
    X, Y = data()

    def fall(net, history):
        history.metrics.setdefault("validation_accuracy", []).append(-float(len(history)))

    stop = xpnet.EarlyStopping("validation_accuracy", patience=2)
    assert len(new().fit(X, Y, epochs=9, early_stopping=stop, callbacks=[fall])) == 3
    by_loss = new().fit(X, Y, epochs=6, learning_rate=0.0, batch_size=None, early_stopping=2)
    assert len(by_loss) == 3, "without validation data the loss is watched; it must fall"
    wide = xpnet.EarlyStopping(patience=1, min_delta=1e9)
    assert len(new().fit(X, Y, epochs=6, early_stopping=wide)) == 2
    with pytest.raises(ValueError, match="unknown value to monitor 'validation_los'"):
        new().fit(X, Y, early_stopping=xpnet.EarlyStopping("validation_los"))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: xpnet.EarlyStopping(patience=0), ValueError, "patience"),
        (lambda: xpnet.EarlyStopping(min_delta=-1), ValueError, "min_delta"),
        (lambda: new().fit(*data(), early_stopping="yes"), TypeError, "early_stopping must be"),
        (lambda: new().fit(*data(), penalty=0.1), TypeError, r"xpnet\.Penalty"),
        (lambda: new().fit(*data(), max_norm=0.0), ValueError, "limit"),
        (lambda: new().fit(*data(), learning_rate=lambda t: -1.0), ValueError, "schedule"),
        (lambda: new().fit(*data(), callbacks={"epoch": print}), ValueError, "epoch_end"),
        (lambda: new().fit(*data(), callbacks=[3]), TypeError, "a callback must be a function"),
        (
            lambda: new().fit(*data(), callbacks={"step_end": 3}),
            TypeError,
            r"a callback must be a function of \(net, history\), got 3 for 'step_end'",
        ),
        (
            lambda: new().fit(*data(), callbacks=[{"epoch_end": print}]),
            TypeError,
            "give the dict itself, without a list",
        ),
        (
            lambda: new().fit(*data(), callbacks={"epoch_end": {"fit_end": print}}),
            TypeError,
            "give the dict itself, without a list",
        ),
        (
            lambda: new().fit(*data(), callbacks="print"),
            TypeError,
            "a callback must be a function .* got 'print'",
        ),
        (
            lambda: new().fit(*data(), callbacks={"epoch_begin": print}),
            ValueError,
            "unknown moment of callbacks 'epoch_begin': did you mean 'epoch_end'",
        ),
    ],
)
def test_settings_of_a_fit_that_make_no_sense(make, error, match):
    with pytest.raises(error, match=match):
        make()


# --- callbacks and history


def test_callbacks_are_called_at_their_moments():
    calls = []
    moments = ("fit_begin", "step_end", "epoch_end", "fit_end")
    callbacks = {m: lambda net, history, m=m: calls.append((m, len(history))) for m in moments}
    history = new().fit(*data(), epochs=2, batch_size=20, callbacks=callbacks)
    steps = [("step_end", 0)] * 2 + [("epoch_end", 1)] + [("step_end", 1)] * 2 + [("epoch_end", 2)]
    assert calls == [("fit_begin", 0), *steps, ("fit_end", 2)]
    assert len(history.step_loss) == 4


def test_a_callback_that_returns_true_ends_the_fit(backend):
    X, Y = data()
    net = new(backend)
    history = net.fit(X, Y, epochs=9, callbacks=[lambda net, history: len(history) == 2])
    assert (history.stopped, len(history)) == ("callback", 2)
    net, by_step = new(backend), new(backend)
    history = net.fit(
        X, Y, epochs=9, batch_size=10,
        callbacks={"step_end": lambda net, history: len(history.step_loss) == 6},
    )  # fmt: skip
    assert (history.stopped, len(history), len(history.step_loss)) == ("callback", 2, 6)
    by_step.fit(X, Y, epochs=1, batch_size=10)
    assert history.epoch == [1, 2]
    assert relative(net.parameters, by_step.parameters) > 1e-6, "two more steps were done"


def test_a_callback_at_every_step_sees_the_parameters_of_that_step(backend):
    X, Y = data()
    seen = []
    net = new(backend)
    net.fit(
        X, Y, epochs=1, batch_size=10, optimizer=SGD(0.1), shuffle=False,
        callbacks={"step_end": lambda net, h: seen.append(to_numpy(net.parameters).copy())},
    )  # fmt: skip
    by_hand = new()
    for i, theta in zip(range(0, 40, 10), seen, strict=True):
        g = by_hand.gradient(X[i : i + 10], Y[i : i + 10]).flat
        by_hand.set_parameters(by_hand.parameters - 0.1 * g)
        assert relative(theta, by_hand.parameters) <= 1e-12


def test_step_losses_are_those_of_their_batches(backend):
    X, Y = data()
    w = np.linspace(0.5, 2.0, 40)
    net = new(backend)
    settings = {"batch_size": 16, "shuffle": False, "learning_rate": 0.0, "sample_weight": w}
    history = net.fit(X, Y, epochs=1, **settings)
    expected = [
        net.evaluate(X[i : i + 16], Y[i : i + 16], w[i : i + 16])["loss"] for i in (0, 16, 32)
    ]
    assert history.step_loss == pytest.approx(expected, rel=1e-12)
    watched = new(backend).fit(
        X, Y, epochs=1, callbacks={"step_end": lambda n, h: None}, **settings
    )
    assert watched.step_loss == pytest.approx(expected, rel=1e-12)
    assert watched.loss == pytest.approx(history.loss, rel=1e-12)


def test_one_callback_needs_no_list():
    calls = []
    new().fit(*data(), epochs=2, callbacks=lambda net, history: calls.append(len(history)))
    assert calls == [1, 2]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_network_can_be_copied_and_pickled(backend, copied):
    X, Y = data()
    net = new(backend)
    net.fit(X, TEXT[Y], epochs=1)
    again = copied(net)
    assert again.backend == net.backend
    for each in (net, again):
        each.fit(X, TEXT[Y], epochs=2)
    np.testing.assert_array_equal(to_numpy(again.parameters), to_numpy(net.parameters))


@pytest.mark.parametrize(
    ("loss", "Y", "n_outputs"),
    [
        ("mean_squared_error", np.arange(40) % 5 + 1, 1),
        ("poisson", np.arange(40) % 7, 1),
        ("binary_cross_entropy", np.arange(40) % 2, 1),
        ("mean_squared_error", np.arange(80).reshape(40, 2) - 5, 2),
        ("gaussian_nll", np.linspace(0, 1, 40), 2),
    ],
)
def test_the_short_form_with_a_loss_named_takes_integers_as_that_loss_does(loss, Y, n_outputs):
    net = xpnet.Network(hidden=(4,), loss=loss)
    net.fit(data()[0], Y, epochs=1)
    assert net.sizes == (5, 4, n_outputs)


def test_float_labels_in_the_short_form_are_named():
    with pytest.raises(ValueError, match="class labels must be integers, got dtype float64"):
        xpnet.Network(loss="cross_entropy").fit(data()[0], (np.arange(40) % 3).astype(float))


def test_data_frames_of_numbers_of_several_kinds():
    pandas = needed("pandas")
    X, Y = data()
    frame = pandas.DataFrame(X, columns=list("abcde")).assign(b=Y, c=Y > 0)
    expected = np.column_stack([X[:, 0], Y, Y > 0, X[:, 3], X[:, 4]])
    net = new()
    np.testing.assert_array_equal(net(frame), net(expected))
    with pytest.raises(TypeError, match="column 'd'"):
        net(frame.assign(d="x"))


def test_json_lines_has_a_line_an_epoch(tmp_path):
    path = tmp_path / "log.jsonl"
    X, Y = data()
    history = new().fit(
        X, Y, epochs=3, validation_data=(X, Y), callbacks=[xpnet.training.json_lines(path)]
    )
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["loss"] for line in lines] == history.loss
    assert [line["validation_accuracy"] for line in lines] == history.validation_accuracy
    assert lines[-1]["step"] == len(history.step_loss)


def test_a_range_test_leaves_the_network_and_finds_a_rate_that_trains(backend):
    X, Y = data(N=120)
    Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
    net = new(backend)
    before = to_numpy(net.parameters).copy()
    found = xpnet.learning_rate_range(net, X, Y, low=1e-5, high=10.0, steps=60, batch_size=20)
    np.testing.assert_array_equal(to_numpy(net.parameters), before)
    assert net.epoch == 0
    assert len(found.rates) == len(found.losses) <= 60
    np.testing.assert_allclose(found.rates, 1e-5 * 1e6 ** (np.arange(len(found.rates)) / 59))
    assert 1e-4 < found.suggestion < 3
    history = net.fit(X, Y, epochs=20, batch_size=20, learning_rate=found.suggestion)
    assert history.loss[-1] < 0.6 * history.loss[0]


def test_a_range_test_of_rates_that_make_no_sense():
    for bounds in ({"low": 0.0}, {"low": 1.0, "high": 0.1}, {"high": float("inf")}):
        with pytest.raises(ValueError, match="0 < low < high"):
            xpnet.learning_rate_range(new(), *data(), **bounds)


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
    import copy
    import pickle

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

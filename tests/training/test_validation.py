"""Validation data of a fit, and early stopping by them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import xpnet
from tests.support.fits import SIZES, data, new
from tests.support.helpers import network
from xpnet.backends import get_backend, to_numpy
from xpnet.layers import BatchNorm
from xpnet.optimizers import SGD

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

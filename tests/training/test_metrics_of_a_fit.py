"""Metrics that a user gives to a fit: how they are named, watched and written down."""

from __future__ import annotations

import json

import numpy as np
import pytest

import xpnet

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5))
Y = np.arange(40) % 3


def new(**settings):
    return xpnet.Network([5, 8, 3], rng=3, **{"loss": "cross_entropy", **settings})


def steps(values):
    """A metric of that name whose values are given, an epoch each."""
    it = iter(values)
    return lambda parts: np.asarray(next(it))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize(("larger", "best"), [(True, 3), (False, 1)])
def test_early_stopping_asks_the_metric_which_way_is_better(optimizer, larger, best):
    skill = xpnet.metrics.Metric(
        "skill", lambda xp, A, Y, w, loss: xp.sum(A, axis=-2), steps([1.0, 2, 3, 2.5, 2.4, 2.3]),
        ("labels",), larger_is_better=larger,
    )  # fmt: skip
    stop = xpnet.EarlyStopping("validation_skill", patience=2)
    history = new().fit(
        X, Y, optimizer=optimizer, validation_data=(X, Y), metrics=skill, early_stopping=stop
    )
    assert (history.best_epoch, len(history), history.stopped) == (best, best + 2, "early")


def test_a_value_that_is_nan_is_no_improvement():
    net = new()
    found = xpnet.metrics.Metric(
        "odd", lambda xp, A, Y, w, loss: xp.sum(A, axis=-2), steps([np.nan, 2.0, np.nan, np.nan]),
        ("labels",),
    )  # fmt: skip
    stop = xpnet.EarlyStopping("validation_odd", patience=2)
    history = net.fit(X, Y, validation_data=(X, Y), metrics=found, early_stopping=stop)
    assert (history.best_epoch, len(history)) == (2, 4)


def test_one_metric_needs_no_list_and_none_is_no_metric():
    net, accuracy = new(), xpnet.metrics.Accuracy()
    expected = net.evaluate(X, Y, metrics=["accuracy"])
    assert net.evaluate(X, Y, metrics=accuracy) == net.evaluate(X, Y, metrics=None) == expected
    history = net.fit(X, Y, epochs=1, callbacks=None, metrics=accuracy, validation_data=(X, Y))
    assert len(history.validation_accuracy) == 1


def test_what_is_not_finite_is_null_in_json_lines(tmp_path):
    path = tmp_path / "log.jsonl"
    nan = xpnet.metrics.Metric(
        "odd", lambda xp, A, Y, w, loss: xp.sum(A, axis=-2), steps([np.nan]), ("labels",)
    )
    log = xpnet.training.json_lines(path)
    new().fit(X, Y, epochs=1, validation_data=(X, Y), metrics=[nan], callbacks=log)
    refuse = {"parse_constant": lambda name: pytest.fail(f"{name} is no JSON")}
    assert json.loads(path.read_text(), **refuse)["validation_odd"] is None

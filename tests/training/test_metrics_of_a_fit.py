"""Metrics of a user in a fit: their names, early stopping by them, and their log."""

from __future__ import annotations

import json

import numpy as np
import pytest

import xpnet
from tests.support.three_classes import X, Y, new


def told(name, values, **settings):
    """Return a metric of that name with these values, one for each epoch."""
    it = iter(values)

    def statistics(xp, A, Y, w, loss):
        return xp.sum(A, axis=-2)

    return xpnet.metrics.Metric(
        name, statistics, lambda parts: np.asarray(next(it)), ("labels",), **settings
    )


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize(("larger", "best"), [(True, 3), (False, 1)])
def test_early_stopping_asks_the_metric_which_way_is_better(optimizer, larger, best):
    skill = told("skill", [1.0, 2, 3, 2.5, 2.4, 2.3], larger_is_better=larger)
    stop = xpnet.EarlyStopping("validation_skill", patience=2)
    history = new().fit(
        X, Y, optimizer=optimizer, validation_data=(X, Y), metrics=skill, early_stopping=stop
    )
    assert (history.best_epoch, len(history), history.stopped) == (best, best + 2, "early")


def test_a_value_that_is_nan_is_no_improvement():
    net = new()
    found = told("odd", [np.nan, 2.0, np.nan, np.nan])
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
    nan = told("odd", [np.nan])
    log = xpnet.training.json_lines(path)
    new().fit(X, Y, epochs=1, validation_data=(X, Y), metrics=[nan], callbacks=log)
    refuse = {"parse_constant": lambda name: pytest.fail(f"{name} is no JSON")}
    assert json.loads(path.read_text(), **refuse)["validation_odd"] is None

"""A search is the fits with each setting on each fold, one by one."""

from __future__ import annotations

import gc
import pickle
import weakref

import numpy as np
import pytest

import xpnet
from tests.support.folds import CHAIN, FIT, N, check_fits, data
from tests.support.helpers import network, relative
from xpnet.backends import get_backend
from xpnet.layers import BatchNorm, Dropout, Residual


def settle(net, setting):
    """Return a network with the setting's seed and rate of dropout, and keywords of its fit."""
    rate = setting.get("dropout")
    if rate is not None:
        sizes = [5, BatchNorm(), Residual([6, Dropout(rate), 5]), 6, Dropout(rate), 3]
        net = network(net.backend, sizes, loss="cross_entropy")
        net.set_parameters(net.fresh().parameters)
    own = {name: setting[name] for name in ("learning_rate", "penalty") if name in setting}
    return net.fresh(setting.get("seed")), own


OVER = {
    "learning_rate": [1e-3, 3e-2],
    "penalty": [None, xpnet.Penalty(l1=1e-2)],
    "dropout": [0.0, 0.4],
}


def test_every_setting_is_a_fit_with_it_on_every_fold(backend):
    X, Y = data()
    net, _ = settle(network(backend, [5, 3]), {"dropout": 0.1})
    found = xpnet.search(net, X, Y, OVER, folds=2, monitor="accuracy", **FIT)
    grid = [
        {"learning_rate": a, "penalty": b, "dropout": c}
        for a in OVER["learning_rate"]
        for b in OVER["penalty"]
        for c in OVER["dropout"]
    ]
    assert list(found.settings) == grid
    for m, setting in enumerate(grid if backend.name == "numpy" else grid[3:5]):
        m = grid.index(setting)
        one, own = settle(net, setting)
        outcomes = [
            (*fold, {name: x[m, k] for name, x in found.scores.items()}, found.histories[m][k])
            for k, fold in enumerate(found.folds)
        ]
        assert len(list(check_fits(one, X, Y, outcomes, **FIT, **own))) == 2
    means = found.scores["accuracy"].mean(axis=1)
    np.testing.assert_allclose(found.mean["accuracy"], means)
    assert found.best == grid[int(means.argmax())]
    assert repr(found.best) in repr(found)


STOPPED = {"epochs": 30, "batch_size": 8, "validation_fraction": 0.3, "early_stopping": 2}


def test_every_fit_stops_by_itself():
    X, Y = data()
    net = network(get_backend("numpy"), [5, BatchNorm(), 16, 3], loss="cross_entropy")
    over = {"learning_rate": [1e-3, 3e-2, 0.3], "penalty": [None, xpnet.Penalty(l2=0.1)]}
    found = xpnet.search(net, X, Y, over, folds=2, **STOPPED)
    for m, own in enumerate(found.settings):
        outcomes = [
            (*fold, {name: x[m, k] for name, x in found.scores.items()}, found.histories[m][k])
            for k, fold in enumerate(found.folds)
        ]
        assert len(list(check_fits(net, X, Y, outcomes, **STOPPED, **own))) == 2
    lengths = {len(history) for each in found.histories for history in each}
    assert min(lengths) < max(lengths)
    assert "early" in {history.stopped for each in found.histories for history in each}


def test_rows_held_out_are_never_read_in_training(backend):
    """They are NaN, and nothing changes: penalties, dropout, seeds and early stopping included."""
    X, Y = data()
    Y = Y[:, None] * 1.0
    first, second, held = np.split(np.arange(N), [14, 28])
    net = network(backend, [5, BatchNorm(), 6, Dropout(0.2), 1], loss="mean_squared_error")
    over = {
        "penalty": [None, xpnet.Penalty(l1=0.1)],
        "dropout": [0.1, 0.4],
        "seed": [3, 4],
    }
    fit = {**STOPPED, "epochs": 4, "folds": [(first, held), (second, held)], "learning_rate": 0.1}
    expected = xpnet.search(net, X, Y, over, **fit)
    X[held], Y[held] = np.nan, np.inf
    found = xpnet.search(net, X, Y, over, **fit)
    for mine, right in zip(found.histories, expected.histories, strict=True):
        assert [each.values() for each in mine] == [each.values() for each in right]
        assert [each.step_loss for each in mine] == [each.step_loss for each in right]
    assert np.isfinite(expected.mean["loss"]).all()
    assert not np.isfinite(found.scores["loss"]).any()


def test_a_metric_of_the_users_own_may_decide():
    X, Y = data()
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")

    def statistics(xp, A, Y, w, loss):
        first = xp.astype(xp.argmax(A, axis=-1) == 0, A.dtype)
        return xp.stack([xp.sum(first, axis=-1), xp.sum(xp.ones_like(first), axis=-1)], axis=-1)

    def value(parts):
        counts = parts.sum(axis=0)
        return counts[..., 0] / counts[..., 1]

    share = xpnet.metrics.Metric(
        "share_of_0", statistics, value, ("labels",), larger_is_better=False
    )
    over = {"learning_rate": [1e-3, 0.1, 0.3]}
    found = xpnet.search(net, X, Y, over, metrics=[share], monitor="share_of_0", folds=3, **FIT)
    means = found.mean["share_of_0"]
    assert means.min() < means.max()
    assert found.best == found.settings[int(means.argmin())]


@pytest.mark.parametrize("weighted", [False, True])
def test_penalties_of_every_kind_are_searched_together(weighted):
    X, Y = data()
    net = network(get_backend("numpy"), [5, 6, 3], loss="cross_entropy")
    kinds = [
        None,
        xpnet.Penalty(l2=0.5, biases=True),
        xpnet.Penalty(l2=0.5),
        xpnet.Penalty(l1=0.5, of_sum=True),
        xpnet.Penalty(l2=5.0, of_sum=True),
    ]
    w = np.random.default_rng(1).uniform(0.1, 1, N) if weighted else None
    found = xpnet.search(net, X, Y, {"penalty": kinds}, folds=2, sample_weight=w, **FIT)
    assert [setting["penalty"] for setting in found.settings] == kinds
    for m, penalty in enumerate(kinds):
        for k, (train, test) in enumerate(found.folds):
            alone, of = net.fresh(), {} if w is None else {"sample_weight": w[train]}
            alone.fit(X[train], Y[train], penalty=penalty, compile=False, **of, **FIT)
            expected = alone.evaluate(X[test], Y[test], None if w is None else w[test])
            np.testing.assert_allclose(found.scores["loss"][m, k], expected["loss"], rtol=1e-9)


def test_a_search_keeps_no_stack_whose_scores_are_known(monkeypatch):
    alive, fit = [], xpnet.Stack.fit

    def watched(stack, *args, **keywords):
        gc.collect()
        assert not any(other() for other in alive)
        alive.append(weakref.ref(stack))
        return fit(stack, *args, **keywords)

    monkeypatch.setattr(xpnet.Stack, "fit", watched)
    monkeypatch.setattr("xpnet.network.jobs._FEW", 2)  # networks at a time
    monkeypatch.setattr("xpnet.network.jobs._IN_CACHE", 1)
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    over = {"learning_rate": [0.1, 0.2]}
    xpnet.search(net, *data(), over, folds=3, compile=False, **FIT)  # compiled, all are one stack
    assert len(alive) == 3


def test_refit_trains_on_all_rows_with_the_best_setting():
    X, Y = data()
    net, _ = settle(network(get_backend("numpy"), [5, 3]), {"dropout": 0.1})
    found = xpnet.search(net, X, Y, OVER, folds=2, **FIT)
    for setting in (None, found.settings[2]):
        alone, own = settle(net, setting or found.best)
        alone.fit(X, Y, **FIT, **own)
        assert relative(found.refit(setting).parameters, alone.parameters) <= 1e-10
    assert found.mean["loss"][found.settings.index(found.best)] == found.mean["loss"].min()


@pytest.mark.parametrize(
    ("setting", "error", "match"),
    [
        ({"lr": 0.1}, ValueError, "unknown setting to search 'lr'"),
        ({"learning_rate": "a"}, TypeError, "learning rates to search must be numbers"),
        ({"dropout": 0.5}, ValueError, "the setting has a rate of dropout, but the network has no"),
        (0.1, TypeError, "a setting must be a dict"),
    ],
)
def test_refit_refuses_a_wrong_setting(setting, error, match):
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    found = xpnet.search(net, *data(), {"learning_rate": [0.1]}, folds=2, **FIT)
    with pytest.raises(error, match=match):
        found.refit(setting)


def test_seeds_are_repetitions():
    X, Y = data()
    net = network(get_backend("numpy"), CHAIN, loss="cross_entropy")
    over = {"learning_rate": [1e-3, 3e-2], "seed": [5, 6]}
    found = xpnet.search(net, X, Y, over, folds=3, **FIT)
    assert found.scores["loss"].shape == (2, 6)
    assert list(found.settings) == [{"learning_rate": 1e-3}, {"learning_rate": 3e-2}]
    for k, seed in enumerate(over["seed"]):
        one = xpnet.cross_validate(net.fresh(seed), X, Y, folds=3, learning_rate=3e-2, **FIT)
        part = found.scores["loss"][1, 3 * k : 3 * k + 3]
        np.testing.assert_allclose(part, one.scores["loss"], rtol=1e-10)
    assert found.refit().seed == 5


def test_random_settings_are_drawn_by_the_seed():
    X, Y = data()
    over = {"learning_rate": lambda u: 10 ** (-4 + 3 * u), "penalty": [0.0, 0.1, 0.2]}
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    draw = {"n": 40, "folds": 2, "epochs": 1}
    found, same, other = (xpnet.search(net, X, Y, over, rng=r, **draw) for r in (0, 0, 1))
    assert found.settings == same.settings != other.settings
    rates = np.log10([setting["learning_rate"] for setting in found.settings])
    assert -4 <= rates.min() < -3.5
    assert -1.5 < rates.max() < -1
    assert {setting["penalty"].l2 for setting in found.settings} == {0.0, 0.1, 0.2}


def test_a_setting_that_diverges_is_never_the_best():
    X, Y = data()
    net = network(get_backend("numpy"), [5, 1], loss="mean_squared_error")
    over = {"learning_rate": [1e-3, 1e200, 1e-2]}
    found = xpnet.search(net, X, Y * 1.0, over, folds=2, optimizer="sgd", **FIT)
    assert np.isnan(found.mean["loss"]).tolist() == [False, True, False]
    assert found.best["learning_rate"] != 1e200
    over = {"learning_rate": [1e200, 1e250]}
    with pytest.raises(xpnet.DivergenceError):
        xpnet.search(net, X, Y * 1.0, over, folds=2, optimizer="sgd", **FIT)


def test_without_a_score_on_every_fold_there_is_no_best_setting():
    """One fold has a single class, whose AUC is NaN."""
    X, _ = data()
    Y = (np.arange(N) >= 20) * 1
    net = network(get_backend("numpy"), [5, 2], loss="cross_entropy")
    folds = [(np.arange(10, N), np.arange(10)), (np.arange(30), np.arange(30, N))]
    over = {"learning_rate": [0.1, 0.2]}
    found = xpnet.search(net, X, Y, over, folds=folds, metrics="auc", monitor="auc", **FIT)
    assert found.best is None
    assert repr(found) == "Search(2 settings, best=None)"
    with pytest.raises(ValueError, match="no setting has a auc on every fold"):
        found.refit()
    assert found.refit(found.settings[0]).epoch == 3


def test_results_can_be_pickled():
    X, Y = data()
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    found = xpnet.search(net, X, Y, {"learning_rate": [0.1, 0.2]}, folds=2, **FIT)
    again = pickle.loads(pickle.dumps(found))
    assert again.best == found.best
    assert relative(again.refit().parameters, found.refit().parameters) == 0
    one = xpnet.cross_validate(net, X, Y, folds=2, **FIT)
    assert pickle.loads(pickle.dumps(one)).mean == one.mean


@pytest.mark.parametrize(
    ("over", "more", "error", "match"),
    [
        ([0.1], {}, TypeError, "over must be a dict of values to search"),
        ({}, {}, TypeError, "over must be a dict of values to search"),
        ({"lr": [0.1]}, {}, ValueError, "unknown setting to search 'lr'"),
        ({"learning_rate": []}, {}, ValueError, r"over\['learning_rate'\] has no values"),
        ({"learning_rate": 0.1}, {}, TypeError, r"over\['learning_rate'\] must be a list"),
        ({"learning_rate": ["a"]}, {}, TypeError, "learning rates to search must be numbers"),
        ({"learning_rate": [-0.1]}, {}, ValueError, "a learning rate to search"),
        ({"learning_rate": float}, {}, ValueError, "give a number n of draws"),
        ({"penalty": ["l2"]}, {}, TypeError, "penalty must be"),
        ({"penalty": [-1.0]}, {}, ValueError, "l2"),
        ({"dropout": [0.5]}, {}, ValueError, "the network has no Dropout layer"),
        ({"seed": [0.5]}, {}, TypeError, "a seed to search must be an int"),
        ({"seed": abs}, {}, TypeError, r"over\['seed'\] must be a list"),
        ({"seed": [0]}, {"n": 0}, ValueError, "n must be a positive integer"),
        ({"seed": [0]}, {"monitor": "acc"}, ValueError, "unknown score to monitor 'acc'"),
    ],
)
def test_wrong_searches_are_refused(over, more, error, match):
    with pytest.raises(error, match=match):
        xpnet.search(xpnet.Network([5, 3]), *data(), over, **more)


def test_a_rate_of_dropout_is_checked():
    net = xpnet.Network([5, Dropout(0.1), 3])
    with pytest.raises(ValueError, match="a rate of dropout to search"):
        xpnet.search(net, *data(), {"dropout": [1.0]})

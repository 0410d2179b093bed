"""A cross-validation and a search are the fits on each fold, one by one, with the same settings."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network, relative
from xpnet.backends import get_backend
from xpnet.layers import BatchNorm, Dropout, Residual

N = 43
CHAIN = [5, BatchNorm(), 6, Dropout(0.2), 3]
FIT = {"epochs": 3, "batch_size": 8}


def data():
    rng = np.random.default_rng(8)
    return rng.normal(size=(N, 5)), rng.integers(0, 3, N)


def check(net, X, Y, outcomes, metrics=(), tolerance=1e-10, **settings):
    """Check (train, test, scores, history) of several fits against fits one by one; yield these."""
    for train, test, scores, history in outcomes:
        alone = net.fresh()
        its = alone.fit(X[train], Y[train], compile=net.backend.name == "jax", **settings)
        assert (history.epoch, history.stopped) == (its.epoch, its.stopped)
        np.testing.assert_allclose(history.loss, its.loss, rtol=1e-9)
        expected = alone.evaluate(X[test], Y[test], metrics=metrics)
        assert scores.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(scores[name], value, rtol=1e-9)
        yield alone


def validated(net, X, Y, metrics=(), folds=4, **settings):
    """Cross-validate, check it fold by fold, and return the result."""
    found = xpnet.cross_validate(net, X, Y, folds=folds, metrics=metrics, **settings)
    outcomes = [
        (*fold, {name: x[k] for name, x in found.scores.items()}, found.histories[k])
        for k, fold in enumerate(found.folds)
    ]
    for k, alone in enumerate(check(net, X, Y, outcomes, metrics, **settings)):
        assert relative(found.networks[k].parameters, alone.parameters) <= 1e-10
    return found


# --- cross_validate


def test_each_fold_is_a_fit_on_the_other_folds(backend):
    X, Y = data()
    net = network(backend, CHAIN, loss="cross_entropy")
    before = net.to()
    net.fit(X, Y, epochs=1)  # a trained network starts afresh
    trained = net.parameters
    found = validated(net, X, Y, ["accuracy", "f1"], **FIT)
    assert net.parameters is trained
    assert relative(net.fresh().parameters, xpnet.Network(CHAIN, rng=3).parameters) < 1e-6
    assert before.epoch == 0
    for name, values in found.scores.items():
        assert values.shape == (4,)
        np.testing.assert_allclose(found.mean[name], np.mean(values))
        np.testing.assert_allclose(found.sd[name], np.std(values, ddof=1))
    assert f"loss={found.mean['loss']:.4g} ± " in repr(found)


def test_folds_are_disjoint_whole_and_spread_every_class():
    X, Y = data()
    net = network(get_backend("numpy"), [5, 3])
    found = xpnet.cross_validate(net, X, Y, folds=5, epochs=1)
    held = np.concatenate([test for _, test in found.folds])
    np.testing.assert_array_equal(np.sort(held), np.arange(N))
    for train, test in found.folds:
        np.testing.assert_array_equal(np.union1d(train, test), np.arange(N))
        share = np.bincount(Y[test], minlength=3) - np.bincount(Y, minlength=3) / 5
        assert np.all(np.abs(share) < 1)
    again = xpnet.cross_validate(net, X, Y, folds=5, epochs=1)
    other = xpnet.cross_validate(net, X, Y, folds=5, epochs=1, rng=1)
    for (_, one), (_, same), (_, new) in zip(found.folds, again.folds, other.folds, strict=True):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, new)


def test_folds_with_different_numbers_of_steps_are_fits_too():
    """Of 43 rows in 4 folds, 32 or 33 are trained on: 4 or 5 steps of 8."""
    X, Y = data()
    net = network(get_backend("numpy"), CHAIN, loss="cross_entropy")
    found = validated(net, X, Y, **FIT)
    assert {len(history.step_loss) for history in found.histories} == {12, 15}


def test_early_stopping_is_each_folds():
    X, Y = data()
    settings = {"validation_fraction": 0.3, "early_stopping": 2, "learning_rate": 0.05}
    net = network(get_backend("numpy"), [5, BatchNorm(), 16, 3], loss="cross_entropy")
    found = validated(net, X, Y, epochs=40, batch_size=None, **settings)
    assert len({len(history) for history in found.histories}) > 1


@pytest.mark.parametrize("settings", [{"validation_fraction": 0.2}, {"class_weight": {2: 0.0}}])
def test_folds_may_differ_in_what_is_left_to_train_on(settings):
    """Some folds set aside one more example, or have one more of a class of weight 0."""
    X, Y = data()
    Y[:] = np.arange(N) % 2
    Y[:5] = 2
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    found = validated(net, X, Y, epochs=2, batch_size=1, **settings)
    assert len({len(history.step_loss) for history in found.histories}) > 1


def test_an_interrupted_search_raises(monkeypatch):
    X, Y = data()
    fit = xpnet.Stack.fit

    def interrupted(*args, **keywords):
        history = fit(*args, **keywords)
        history.stopped = "interrupted"
        return history

    monkeypatch.setattr(xpnet.Stack, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        xpnet.cross_validate(network(get_backend("numpy"), [5, 3]), X, Y, epochs=1)


def test_rows_held_out_are_never_read_in_training(backend):
    X, Y = data()
    Y = Y * 1.0
    first, second, held = np.split(np.arange(N), [12, 24])
    folds = [(first, held), (second, held)]
    net = network(backend, [5, BatchNorm(), 6, Dropout(0.2), 1], loss="mean_squared_error")
    expected = xpnet.cross_validate(net, X, Y, folds=folds, **FIT)
    X[held], Y[held] = np.nan, np.nan
    found = xpnet.cross_validate(net, X, Y, folds=folds, **FIT)
    for mine, right in zip(found.networks, expected.networks, strict=True):
        assert relative(mine.parameters, right.parameters) == 0
    assert np.isfinite(expected.mean["loss"])
    assert np.isnan(found.scores["loss"]).all()


def test_folds_may_be_those_of_scikit_learn():
    model_selection = needed("sklearn.model_selection")
    X, Y = data()
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    splitter = model_selection.GroupKFold(4)
    folds = list(splitter.split(X, Y, np.arange(N) % 7))
    found = validated(net, X, Y, folds=folds, **FIT)
    for (_, mine), (_, theirs) in zip(found.folds, folds, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_an_open_network_is_settled_by_all_data():
    X, Y = data()
    labels = np.asarray(["a", "b", "c"])[Y]
    found = xpnet.cross_validate(xpnet.Network(hidden=(4,)), X, labels, epochs=1)
    assert [net.classes for net in found.networks] == [("a", "b", "c")] * 5
    assert set(found.scores) == {"loss", "accuracy"}


def test_weights_count_in_training_and_in_the_scores():
    X, Y = data()
    w = np.random.default_rng(1).uniform(0.1, 1, N)
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    found = xpnet.cross_validate(net, X, Y, folds=2, sample_weight=w, **FIT)
    for k, (train, test) in enumerate(found.folds):
        alone = net.fresh()
        alone.fit(X[train], Y[train], sample_weight=w[train], compile=False, **FIT)
        expected = alone.evaluate(X[test], Y[test], w[test])
        np.testing.assert_allclose(found.scores["loss"][k], expected["loss"], rtol=1e-9)


def test_a_fold_that_diverges_has_scores_of_nan():
    X, Y = data()
    Y = Y * 1.0
    X[0] = 1e150  # squares overflow in the folds that train on it
    net = network(get_backend("numpy"), [5, 1], loss="mean_squared_error")
    with np.errstate(all="ignore"):
        found = xpnet.cross_validate(net, X, Y, folds=3, optimizer="sgd", **FIT)
    finite = np.isfinite(found.scores["loss"])
    assert not finite.all()
    assert [net is None for net in found.networks] == [0 in train for train, _ in found.folds]


def test_networks_in_small_stacks_are_the_same(monkeypatch):
    X, Y = data()
    net = network(get_backend("numpy"), CHAIN, loss="cross_entropy")
    expected = xpnet.cross_validate(net, X, Y, **FIT)
    monkeypatch.setattr("xpnet.network.jobs._FEW", 2)  # networks at a time
    monkeypatch.setattr("xpnet.network.jobs._IN_CACHE", 1)
    found = xpnet.cross_validate(net, X, Y, **FIT)
    np.testing.assert_allclose(found.scores["loss"], expected.scores["loss"], rtol=1e-10)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"folds": 1}, ValueError, "folds must be from 2 to 43"),
        ({"folds": 44}, ValueError, "folds must be from 2 to 43"),
        ({"folds": "five"}, TypeError, "folds must be a number, or pairs"),
        ({"folds": [[0], [1]]}, TypeError, r"folds\[0\] must be a pair"),
        ({"folds": [([0], [1])]}, ValueError, "at least 2 pairs"),
        ({"folds": [([0], [1]), ([2], [3, 2])]}, ValueError, r"folds\[1\] has row 2 both"),
        ({"folds": [([0], [1]), ([2], [N])]}, ValueError, r"folds\[1\]\[1\] must lie in 0"),
        ({"metrics": ["r2"]}, ValueError, "'r2' does not suit"),
        ({"epochs": 0}, ValueError, "epochs must be a positive integer"),
        ({"lr": 0.1}, TypeError, "did you mean 'learning_rate'"),
        ({"optimizer": "lbfgs"}, ValueError, "LBFGS needs a separate line search"),
    ],
)
def test_wrong_input_is_refused(wrong, error, match):
    with pytest.raises(error, match=match):
        xpnet.cross_validate(xpnet.Network([5, 3]), *data(), **wrong)


def test_only_a_network_is_cross_validated():
    for call in (xpnet.cross_validate, lambda *a: xpnet.search(*a, {"seed": [0]})):
        with pytest.raises(TypeError, match=r"net must be an xpnet.Network, got \[5, 3\]"):
            call([5, 3], *data())


# --- search


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
        assert len(list(check(one, X, Y, outcomes, **FIT, **own))) == 2
    means = found.scores["accuracy"].mean(axis=1)
    np.testing.assert_allclose(found.mean["accuracy"], means)
    assert found.best == grid[int(means.argmax())]
    assert repr(found.best) in repr(found)


def test_refit_trains_on_all_rows_with_the_best_setting():
    X, Y = data()
    net, _ = settle(network(get_backend("numpy"), [5, 3]), {"dropout": 0.1})
    found = xpnet.search(net, X, Y, OVER, folds=2, **FIT)
    for setting in (None, found.settings[2]):
        alone, own = settle(net, setting or found.best)
        alone.fit(X, Y, **FIT, **own)
        assert relative(found.refit(setting).parameters, alone.parameters) <= 1e-10
    assert found.mean["loss"][found.settings.index(found.best)] == found.mean["loss"].min()


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

"""A cross-validation and a search are the fits on each fold, one by one, with the same settings."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.folds import CHAIN, FIT, N, check_fits, data
from tests.support.helpers import needed, network, relative
from xpnet.backends import get_backend
from xpnet.layers import BatchNorm, Dropout


def validated(net, X, Y, metrics=(), folds=4, **settings):
    """Cross-validate, check it fold by fold, and return the result."""
    found = xpnet.cross_validate(net, X, Y, folds=folds, metrics=metrics, **settings)
    outcomes = [
        (*fold, {name: x[k] for name, x in found.scores.items()}, found.histories[k])
        for k, fold in enumerate(found.folds)
    ]
    for k, alone in enumerate(check_fits(net, X, Y, outcomes, metrics, **settings)):
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


@pytest.mark.parametrize(("part", "purpose"), [(0, "train on"), (1, "be judged by")])
def test_a_fold_without_weights_is_refused_before_anything_is_trained(part, purpose, monkeypatch):
    monkeypatch.delattr(xpnet.Stack, "fit")
    X, Y = data()
    folds = [(np.arange(20, 25), np.arange(25, 30)), (np.arange(20), np.arange(30, N))]
    w = np.ones(N)
    w[folds[1][part]] = 0
    net = network(get_backend("numpy"), [5, 3])
    for call in (xpnet.cross_validate, lambda *a, **k: xpnet.search(*a, {"seed": [0]}, **k)):
        with pytest.raises(ValueError, match=rf"folds\[1\] has no row to {purpose} with a sample"):
            call(net, X, Y, folds=folds, sample_weight=w)


@pytest.mark.parametrize("bad", ["X", "Y", "class_weight", "validation_fraction"])
def test_a_bad_fold_of_a_later_stack_is_refused_before_anything_is_trained(bad, monkeypatch):
    monkeypatch.delattr(xpnet.Stack, "fit")
    monkeypatch.setattr("xpnet.network.jobs._FEW", 2)  # networks at a time
    monkeypatch.setattr("xpnet.network.jobs._IN_CACHE", 1)
    X, Y = data()
    folds = [(np.arange(k, k + 8), np.arange(30, N)) for k in (0, 8, 16)]
    last, fit = folds[2][0], {"compile": False, **FIT}
    Y[:24] = np.tile([0, 1, 2, 0], 6)
    match = r"X.*(NaN|finite)"
    if bad == "X":
        X[last[3]] = np.nan
    elif bad == "Y":
        Y[last[3]], match = 9, "9"
    elif bad == "class_weight":
        Y[last], fit["class_weight"], match = 0, {0: 0.0}, "zero"
    else:
        Y[last[0]], fit["validation_fraction"], match = 2, 0.25, "class"
        Y[last[1:]] = 0
    net = network(get_backend("numpy"), [5, 3], loss="cross_entropy")
    with pytest.raises(ValueError, match=match):
        xpnet.cross_validate(net, X, Y, folds=folds, **fit)


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


def test_a_number_is_not_X():
    for call in (xpnet.cross_validate, lambda *a: xpnet.search(*a, {"seed": [0]})):
        with pytest.raises(
            ValueError, match=r"X must be \(examples, columns\), got a single number"
        ):
            call(xpnet.Network([5, 3]), 5.0, data()[1])


def test_only_a_network_is_cross_validated():
    for call in (xpnet.cross_validate, lambda *a: xpnet.search(*a, {"seed": [0]})):
        with pytest.raises(TypeError, match=r"net must be an xpnet.Network, got \[5, 3\]"):
            call([5, 3], *data())

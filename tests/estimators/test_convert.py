"""Fitted estimators go from scikit-learn and back, and train on as if they had stayed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression

import xpnet
from xpnet.estimators import MLPClassifier, MLPRegressor, from_sklearn

RNG = np.random.default_rng(2)
X = RNG.normal(size=(90, 5))
Y = X @ RNG.normal(size=(5, 2))
WORDS = np.asarray(["low", "middle", "high"])[np.digitize(Y[:, 0], [-1, 1])]
SLOW = {"learning_rate": "adaptive", "tol": 0.0, "n_iter_no_change": 1, "alpha": 0.0}
CASES = {
    "adam": ("MLPClassifier", WORDS, {}),
    "two classes": ("MLPClassifier", Y[:, 0] > 0, {"solver": "sgd"}),
    "labels": ("MLPClassifier", (Y > 0).astype(int), {}),
    "adaptive": (
        "MLPRegressor",
        Y[:, 0],
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
    ),
    "targets": ("MLPRegressor", Y, {"alpha": 0.0}),
    "adaptive, targets": (
        "MLPRegressor",
        Y,
        {"solver": "sgd", "learning_rate_init": 0.25, **SLOW},
    ),
    "no momentum": ("MLPRegressor", Y[:, 0], {"solver": "sgd", "momentum": 0.0}),
    "lbfgs": ("MLPRegressor", Y[:, 0], {"solver": "lbfgs"}),
}
each_case = pytest.mark.parametrize("case", CASES)


def fitted(module, case):
    name, y, given = CASES[case]
    settings = {"hidden_layer_sizes": (7, 4), "max_iter": 9, "random_state": 1, **given}
    model = getattr(module, name)(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y), y


def trained_on(model, y):
    if model.solver != "lbfgs":
        for _ in range(3):
            model.partial_fit(X, y)
    return model


def check_equal(a, b):
    for p, q in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(a.predict(X).shape, b.predict(X).shape)
    if hasattr(a, "classes_"):
        np.testing.assert_array_equal(a.predict(X), b.predict(X))
    else:
        np.testing.assert_allclose(a.predict(X), b.predict(X), atol=1e-12)
    assert getattr(a, "t_", None) == getattr(b, "t_", None)
    # scikit-learn's mean over targets, not their sum (issue 8349); without a penalty
    shown = [np.divide(getattr(m, "loss_curve_", []), of_sum(m)) for m in (a, b)]
    np.testing.assert_allclose(*shown, rtol=1e-12)
    rates = [getattr(getattr(m, "_optimizer", None), "learning_rate", None) for m in (a, b)]
    assert a.solver != "sgd" or rates[0] == pytest.approx(rates[1])


def of_sum(model):
    several = np.ndim(model.predict(X)) == 2 and not hasattr(model, "classes_")
    return Y.shape[1] if several and isinstance(model, MLPRegressor) else 1


@each_case
def test_from_scikit_learn_and_on(case):
    theirs, y = fitted(neural_network, case)
    ours = from_sklearn(theirs)
    check_equal(theirs, ours)
    check_equal(trained_on(theirs, y), trained_on(ours, y))


@each_case
def test_from_scikit_learn_and_back(case):
    theirs, y = fitted(neural_network, case)
    back = from_sklearn(theirs).to_sklearn()
    check_equal(theirs, back)
    check_equal(trained_on(theirs, y), trained_on(back, y))


@each_case
def test_to_scikit_learn_and_on(case):
    ours, y = fitted(xpnet.estimators, case)
    theirs = ours.to_sklearn()
    check_equal(theirs, ours)
    check_equal(trained_on(theirs, y), trained_on(ours, y))


def test_there_and_back_keeps_the_bits():
    ours, _ = fitted(xpnet.estimators, "adam")
    back = from_sklearn(ours.to_sklearn())
    np.testing.assert_array_equal(back.network_.parameters, ours.network_.parameters)
    for a, b in zip(ours._optimizer.carried.moments, back._optimizer.carried.moments, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("settings", [{"solver": "sgd"}, {"optimizer": "nadam"}], ids=str)
def test_moments_of_another_optimizer_stay_behind(settings):
    theirs, y = fitted(neural_network, "adam")
    ours = from_sklearn(theirs, **settings)
    fresh = from_sklearn(theirs, **settings)
    del fresh._optimizer
    trained_on(ours, y)
    trained_on(fresh, y)
    np.testing.assert_array_equal(ours.coefs_[0], fresh.coefs_[0])


def test_a_changed_solver_leaves_its_moments_behind():
    ours, y = fitted(xpnet.estimators, "adam")
    theirs = ours.set_params(solver="sgd").to_sklearn()
    assert not hasattr(theirs, "_optimizer")
    check_equal(trained_on(theirs, y), trained_on(ours, y))


def test_an_added_learning_rate_counts():
    theirs, y = fitted(neural_network, "no momentum")
    ours = from_sklearn(theirs, learning_rate_init=1e-300, momentum=0.9)
    np.testing.assert_allclose(trained_on(ours, y).coefs_[0], theirs.coefs_[0], atol=1e-15)


def test_settings_may_be_added_on_the_way():
    theirs, _ = fitted(neural_network, "adam")
    ours = from_sklearn(theirs, dtype="float32", backend="numpy")
    assert ours.coefs_[0].dtype == np.float32
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_what_cannot_be_converted():
    with pytest.raises(TypeError, match=r"got LogisticRegression"):
        from_sklearn(LogisticRegression())
    with pytest.raises(NotFittedError):
        from_sklearn(neural_network.MLPClassifier())
    with pytest.raises(NotFittedError):
        MLPClassifier().to_sklearn()
    given = {"max_iter": 1, "dropout": 0.5, "penalty": xpnet.Penalty(l2=0.1)}
    with pytest.warns(ConvergenceWarning):
        model = MLPRegressor("huber", activation="gelu", **given).fit(X, Y)
    with pytest.raises(ValueError, match=r"no equal of .*dropout.*penalty.*, activation"):
        model.to_sklearn()


@pytest.mark.parametrize(
    ("case", "settings", "said"),
    [
        ("adam", {"n_ensemble": 3}, "n_ensemble=3 .* which has 1 network:"),
        ("adam", {"activation": "tanh"}, "activation='tanh' .* hidden activations relu, relu:"),
        ("adam", {"hidden_layer_sizes": (9, 4)}, r"hidden_layer_sizes=\(9, 4\) .* \[7, 4\]:"),
        ("adam", {"layers": [7, 4, xpnet.layers.BatchNorm()]}, r"layers=.* widths \[7, 4\]:"),
        ("two classes", {"loss": "cross_entropy"}, "loss='cross_entropy' .* 1 output with"),
        ("adaptive", {"loss": "poisson"}, "loss='poisson' .* the activation identity:"),
    ],
)
def test_settings_that_need_a_different_network_are_named(case, settings, said):
    theirs, _ = fitted(neural_network, case)
    with pytest.raises(ValueError, match=said):
        from_sklearn(theirs, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"activation": "tanh"}, "activation='tanh' .* hidden activations relu, relu:"),
        ({"hidden_layer_sizes": (7,)}, r"hidden_layer_sizes=\(7,\) .* widths \[7, 4\]:"),
        ({"loss": "poisson"}, "loss='poisson' .* the activation identity:"),
    ],
)
def test_settings_changed_after_the_fit_are_named_on_the_way_back(settings, said):
    ours, _ = fitted(xpnet.estimators, "targets")
    with pytest.raises(ValueError, match=said):
        ours.set_params(**settings).to_sklearn()


def test_an_ensemble_is_not_made_one_network_by_a_setting():
    ours, y = fitted(xpnet.estimators, "adam")
    with pytest.warns(ConvergenceWarning):
        ours.set_params(n_ensemble=2).fit(X, y)
    with pytest.raises(ValueError, match=r"n_ensemble=1 .* which has 2 networks:"):
        ours.set_params(n_ensemble=1).to_sklearn()

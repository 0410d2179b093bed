"""With the same random state, the estimators take scikit-learn's steps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from tests.support.helpers import needs_numba
from tests.support.sklearn_versions import since_1_7
from xpnet import estimators
from xpnet.backends import to_numpy
from xpnet.derivatives.objective import objective
from xpnet.estimators.rows import Rows, examples
from xpnet.estimators.settings import penalty_of

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:600] / 16, DIGITS[:600]
RNG = np.random.default_rng(0)
NUMBERS = np.sin(X @ RNG.normal(size=64))
COUNTS = RNG.poisson(np.exp(NUMBERS))
LABELS = np.stack([DIGITS % 2, DIGITS > 4, DIGITS % 3 == 0], axis=1).astype(int)
W = np.where(np.arange(600) % 7 == 0, 0.0, RNG.uniform(0.5, 3.0, 600))
WORDS = np.asarray([f"digit {d}" for d in DIGITS], dtype=object)

CASES = {
    "adam": ("MLPClassifier", DIGITS, {}),
    "two classes": ("MLPClassifier", DIGITS > 4, {"hidden_layer_sizes": (20, 10)}),
    "text": ("MLPClassifier", WORDS, {"activation": "tanh", "beta_1": 0.5, "epsilon": 1e-3}),
    "several labels": ("MLPClassifier", LABELS, {"activation": "logistic", "batch_size": 64}),
    "weights": ("MLPClassifier", DIGITS, {"alpha": 5.0, "sample_weight": W}),
    "early": ("MLPClassifier", DIGITS > 4, {"early_stopping": True, "sample_weight": W}),
    "early, many": ("MLPClassifier", DIGITS, {"early_stopping": True, "tol": 0.02,
                                              "n_iter_no_change": 2}),
    "all at once": ("MLPClassifier", DIGITS, {"batch_size": 600}),
    "in order": ("MLPClassifier", DIGITS, {"shuffle": False}),
    "sgd": ("MLPClassifier", DIGITS, {"solver": "sgd", "learning_rate_init": 0.1}),
    "plain momentum": ("MLPClassifier", DIGITS, {"solver": "sgd", "nesterovs_momentum": False,
                                                 "learning_rate_init": 0.1}),
    "no momentum": ("MLPClassifier", DIGITS, {"solver": "sgd", "momentum": 0,
                                              "learning_rate_init": 0.1}),
    "invscaling": ("MLPClassifier", DIGITS, {"solver": "sgd", "learning_rate": "invscaling",
                                             "learning_rate_init": 0.5, "power_t": 0.25}),
    "adaptive": ("MLPClassifier", DIGITS, {"solver": "sgd", "learning_rate": "adaptive",
                                           "learning_rate_init": 0.2, "tol": 0.1,
                                           "n_iter_no_change": 1}),
    "numbers": ("MLPRegressor", NUMBERS, {}),
    "numbers, early": ("MLPRegressor", NUMBERS, {"early_stopping": True}),
    "counts": ("MLPRegressor", COUNTS, {"loss": "poisson", "sample_weight": W}),
}  # fmt: skip


SINCE_1_7 = since_1_7("weights, and the loss poisson, to its networks")

# fits of so few epochs do not converge: their steps are compared, not their ends
ends_early = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def pair(case, **more):
    """Return scikit-learn's fitted estimator, and xpnet's."""
    name, y, given = CASES[case] if isinstance(case, str) else case
    settings = {"max_iter": 20, "tol": 0.0, "random_state": 3, **given, **more}
    w = settings.pop("sample_weight", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        kinds = (getattr(module, name) for module in (neural_network, estimators))
        return [kind(**settings).fit(X, y, **weights(w)) for kind in kinds]


def weights(w):
    """Return the keyword, if there are weights: before 1.7, scikit-learn does not know it."""
    return {} if w is None else {"sample_weight": w}


def each(cases):
    """Return the decorator that runs a test on each case."""
    new = {"sample_weight", "loss"}
    marks = {name: [SINCE_1_7] * bool(new & given.keys()) for name, (_, _, given) in cases.items()}
    return pytest.mark.parametrize("case", [pytest.param(n, marks=marks[n]) for n in cases])


def furthest(a, b):
    """Return the largest difference of any weight."""
    pairs = zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True)
    return max(float(np.abs(p - q).max()) for p, q in pairs)


@each(CASES)
def test_twenty_epochs_are_scikit_learns(case):
    theirs, ours = pair(case)
    assert furthest(theirs, ours) <= 1e-10
    assert ours.n_iter_ == theirs.n_iter_ >= 4
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    for name in ("loss_", "best_loss_", "best_validation_score_", "t_", "n_layers_", "n_outputs_"):
        expected = getattr(theirs, name)
        assert getattr(ours, name) == (expected and pytest.approx(expected, rel=1e-10)), name
    assert ours.out_activation_ == theirs.out_activation_
    if theirs.validation_scores_ is not None:
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-10)
    np.testing.assert_array_equal(np.asarray(ours.predict(X)).shape, theirs.predict(X).shape)
    if hasattr(theirs, "classes_"):
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-10)


def test_float32_follows_too():
    name, y, given = CASES["adam"]
    settings = {"max_iter": 5, "random_state": 3, **given}
    kinds = (getattr(module, name) for module in (neural_network, estimators))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs, ours = (kind(**settings).fit(X.astype(np.float32), y) for kind in kinds)
    assert ours.coefs_[0].dtype == np.float32
    assert furthest(theirs, ours) <= 1e-4


@SINCE_1_7
@needs_numba
def test_compiled_steps_are_scikit_learns():
    _, y, given = CASES["weights"]
    theirs, _ = pair("weights")
    w = {"sample_weight": given["sample_weight"]}
    ours = estimators.MLPClassifier(alpha=5.0, max_iter=20, tol=0.0, random_state=3, compile=True)
    with pytest.warns(ConvergenceWarning):
        ours.fit(X, y, **w)
    assert furthest(theirs, ours) <= 1e-10


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fits_are_scikit_learns(solver, momentum):
    """Optimizer state, records and orders go on from call to call."""
    settings = {"solver": solver, "momentum": momentum, "random_state": 5}
    theirs = neural_network.MLPClassifier(**settings)
    ours = estimators.MLPClassifier(**settings)
    for model in (theirs, ours):
        for start in range(0, 600, 150):
            rows = slice(start, start + 150)
            model.partial_fit(X[rows], DIGITS[rows], classes=np.arange(10))
    assert furthest(theirs, ours) <= 1e-12
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_) == (1, 600)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-12)


@ends_early
@pytest.mark.parametrize("early", [False, True])
def test_a_warm_start_is_scikit_learns(early):
    models = [
        module.MLPClassifier(warm_start=True, max_iter=4, random_state=1, early_stopping=early)
        for module in (neural_network, estimators)
    ]
    for model in models:
        model.fit(X, DIGITS > 4)
        model.set_params(max_iter=3).fit(X[:300], DIGITS[:300] > 4)
    assert furthest(*models) <= 1e-12
    assert models[0].loss_curve_ == pytest.approx(models[1].loss_curve_, rel=1e-12)


@ends_early
def test_a_warm_start_without_a_better_score_restores_the_best_weights():
    """Unlike scikit-learn, which has overwritten them."""
    settings = {"warm_start": True, "early_stopping": True, "random_state": 0}
    model = estimators.MLPClassifier((8,), max_iter=60, learning_rate_init=0.02, **settings)
    best = model.fit(X, DIGITS > 4).network_.parameters.copy()
    model.set_params(max_iter=2, learning_rate_init=10.0).fit(X, DIGITS > 4)
    assert model.validation_scores_[-1] < model.best_validation_score_
    np.testing.assert_array_equal(model.network_.parameters, best)


@ends_early
def test_a_random_state_is_left_as_scikit_learn_leaves_it():
    left = []
    for module in (neural_network, estimators):
        state = np.random.RandomState(4)
        module.MLPRegressor(max_iter=3, random_state=state, early_stopping=True).fit(X, NUMBERS)
        left.append(state.uniform())
    assert left[0] == left[1]


# --- lbfgs


SEARCHES = {
    "tanh": ("MLPClassifier", DIGITS, {"activation": "tanh", "hidden_layer_sizes": 8}),
    "two classes": ("MLPClassifier", DIGITS > 4, {"activation": "logistic", "alpha": 1.0}),
    "weights": ("MLPClassifier", DIGITS, {"activation": "tanh", "alpha": 3.0, "sample_weight": W}),
    "labels": ("MLPClassifier", LABELS, {"activation": "tanh", "alpha": 3.0}),
    "numbers": ("MLPRegressor", NUMBERS, {"activation": "identity", "tol": 1e-2}),
}  # fmt: skip


@each(SEARCHES)
def test_lbfgs_ends_where_scikit_learns_does(case):
    more = {"solver": "lbfgs", "max_iter": 40, "tol": 1e-2}
    theirs, ours = pair(SEARCHES[case], **more)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)
    assert not hasattr(ours, "loss_curve_")


@each(SEARCHES)
def test_value_and_gradient_agree_at_every_iterate(case, monkeypatch):
    """Those of xpnet at each θ at which scikit-learn's run evaluates its own."""
    name, y, given = SEARCHES[case]
    settings = {"solver": "lbfgs", "max_iter": 15, "random_state": 3, **given}
    w = settings.pop("sample_weight", None)
    theirs = getattr(neural_network, name)
    seen, original = [], theirs._loss_grad_lbfgs

    def watched(self, theta, *rest):
        value, g = original(self, theta, *rest)
        seen.append((theta.copy(), value, g.copy()))
        return value, g

    monkeypatch.setattr(theirs, "_loss_grad_lbfgs", watched)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs(**settings).fit(X, y, **weights(w))
        ours = getattr(estimators, name)(**{**settings, "max_iter": 1}).fit(X, y, sample_weight=w)
    net = ours.network_
    rows = Rows(X, ours._encode(y, net.loss), y, w, w)
    fixed = net.backend, net.layers, net.loss, net.dtype, net.statistics
    function = objective(*fixed, examples(net, rows), penalty_of(ours))
    assert len(seen) > 10
    for theta, value, g in seen:
        found, dG = function(in_order(net, theta))
        assert float(found) == pytest.approx(value, rel=1e-12)
        expected = in_order(net, g)
        assert np.linalg.norm(dG - expected) <= 1e-12 * np.linalg.norm(expected)


def in_order(net, packed):
    """Return scikit-learn's vector, with all W (fan_in, fan_out) first, in the layout of θ."""
    parts, start = [], 0
    for W in net.weights:
        parts.append(packed[start : start + W.size].reshape(W.shape[::-1]).T.reshape(-1))
        start += W.size
    return np.concatenate([*parts, packed[start:]])


def test_the_squared_error_of_several_targets_is_their_sum():
    """scikit-learn's issue 8349: its value is the mean over targets, its gradient that of the sum.

    So the steps of adam agree, and the reported losses differ by the number of targets.
    """
    Y = np.stack([NUMBERS, -NUMBERS, COUNTS], axis=1)
    theirs, ours = pair(("MLPRegressor", Y, {"alpha": 0.0}))
    assert furthest(theirs, ours) <= 1e-10
    np.testing.assert_allclose(ours.loss_curve_, 3 * np.asarray(theirs.loss_curve_), rtol=1e-10)
    search = estimators.MLPRegressor("squared_error", 8, "tanh", solver="lbfgs", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X, Y)
    f = search.network_.objective(X, Y)
    _, g = f(to_numpy(search.network_.parameters))
    v = RNG.choice((-1.0, 1.0), g.shape)
    h = 1e-5
    theta = to_numpy(search.network_.parameters)
    slope = (f(theta + h * v)[0] - f(theta - h * v)[0]) / (2 * h)
    assert slope == pytest.approx(float(g @ v), abs=1e-7)

"""What early stopping watches: any score of held-out examples, in `partial_fit` too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, log_loss, mean_absolute_error

from tests.support.estimators import CLASSES, NUMBERS, X, classifier, regressor
from tests.support.tables import frame_of

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

W = np.random.default_rng(1).uniform(0.5, 2.0, 20)
HELD = X[60:], CLASSES[60:], W
NUMBERS_HELD = X[60:], NUMBERS[60:], W
FAST = {"learning_rate_init": 0.1, "max_iter": 60, "early_stopping": True}


@pytest.mark.parametrize("monitor", ["f1_macro", "neg_log_loss", get_scorer("accuracy")], ids=str)
def test_a_scorers_best_weights_are_restored(monitor):
    model = classifier(monitor=monitor, **FAST)
    model.fit(X[:60], CLASSES[:60], validation_data=HELD)
    scorer = get_scorer(monitor)
    best = scorer(model, *HELD[:2], sample_weight=W)
    assert model.best_validation_score_ == best == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_


@pytest.mark.parametrize("n_ensemble", [1, 2])
def test_the_loss_is_watched_with_its_sign_changed(n_ensemble):
    model = classifier(monitor="loss", n_ensemble=n_ensemble, **FAST)
    model.fit(X[:60], CLASSES[:60], validation_data=HELD)
    np.testing.assert_allclose(model.validation_scores_, -np.array(model.validation_loss_curve_))
    if n_ensemble == 1:
        loss = log_loss(HELD[1], model.predict_proba(HELD[0]), sample_weight=W)
        assert model.best_validation_score_ == pytest.approx(-loss, rel=1e-12)
    rows = classifier(monitor="loss", n_ensemble=n_ensemble, **FAST)
    rows.fit(X[:60], CLASSES[:60], validation_data=(sparse.csr_array(X[60:]), *HELD[1:]))
    np.testing.assert_allclose(rows.validation_scores_, model.validation_scores_, rtol=1e-12)


def test_a_function_of_the_estimator_is_a_score():
    def score(estimator, X, y, sample_weight=None):
        return -mean_absolute_error(y, estimator.predict(X), sample_weight=sample_weight)

    model = regressor(monitor=score, **FAST)
    model.fit(X[:60], NUMBERS[:60], validation_data=NUMBERS_HELD)
    assert model.best_validation_score_ == score(model, *NUMBERS_HELD)
    split = regressor(monitor=score, validation_fraction=0.3, **FAST).fit(X, NUMBERS)
    assert max(split.validation_scores_) == split.best_validation_score_ < 0.0


def test_a_scorer_does_not_warn_of_feature_names():
    frame = frame_of("pandas", dict(zip("pqrs", X.T, strict=True)))
    model = classifier(monitor="neg_log_loss", **FAST).fit(frame, CLASSES)
    assert model.feature_names_in_.tolist() == list("pqrs")


# NumPy warns of the overflow that the fit is to have
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fit_that_diverges_keeps_the_weights_of_the_best_score():
    settings = {"solver": "sgd", "learning_rate_init": 1.0, "activation": "identity"}
    model = regressor(**settings, early_stopping=True, monitor="neg_mean_squared_error")
    model.fit(100 * X, NUMBERS)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.coefs_[0]).all()


def test_a_monitor_needs_early_stopping_and_a_name_that_exists():
    with pytest.raises(ValueError, match="monitor is the score of early stopping"):
        classifier(monitor="f1_macro").fit(X, CLASSES)
    with pytest.raises(ValueError, match="monitor is the score of early stopping"):
        classifier(monitor="f1_macro", early_stopping=True, solver="lbfgs").fit(X, CLASSES)
    with pytest.raises(ValueError, match="'monitor' parameter"):
        classifier(monitor="f2", early_stopping=True).fit(X, CLASSES)


@pytest.mark.parametrize("monitor", ["neg_log_loss", "accuracy"])
def test_scorers_of_one_column_are_refused_before_the_training(monitor):
    Y = np.stack([CLASSES, CLASSES], axis=1)
    settings = {"early_stopping": True, "callbacks": lambda *_: pytest.fail("it trains")}
    with pytest.raises(ValueError, match=rf"monitor='{monitor}' .* y has several: use None"):
        classifier(monitor=monitor, **settings).fit(X, Y)

    def all_right(estimator, X, y):
        return estimator.score(X, y)

    for works in (None, "loss", all_right):
        assert max(classifier(monitor=works, **FAST).fit(X, Y).validation_scores_) > -9.0


def test_a_monitor_that_is_always_nan_is_a_warning_and_ends_the_fit():
    model = regressor(monitor=lambda *_: np.nan, **FAST, n_iter_no_change=3)
    with pytest.warns(ConvergenceWarning, match="monitor=.* was NaN after each epoch"):
        model.fit(X, NUMBERS)
    assert model.n_iter_ == 4
    assert model.stopped_


# --- partial_fit


def test_partial_fits_stop_early_as_a_fit_does():
    """From the same draws: without shuffling, a call is an epoch."""
    settings = {**FAST, "shuffle": False, "n_iter_no_change": 3, "tol": 0.01}
    whole = classifier(**settings).fit(X[:60], CLASSES[:60], validation_data=HELD)
    parts, classes = classifier(**settings), ["a", "b", "c"]
    calls = 0
    while not calls or not parts.stopped_:
        parts.partial_fit(X[:60], CLASSES[:60], classes=classes, validation_data=HELD)
        calls += 1
    assert calls == whole.n_iter_ < 60
    assert whole.stopped_
    np.testing.assert_allclose(parts.validation_scores_, whole.validation_scores_)
    np.testing.assert_allclose(parts.validation_loss_curve_, whole.validation_loss_curve_)
    np.testing.assert_allclose(parts.coefs_[0], whole.coefs_[0], rtol=1e-12)
    assert parts.score(*HELD) == parts.best_validation_score_


def test_a_fit_that_ends_after_its_epochs_has_not_stopped():
    model = regressor(max_iter=2).fit(X, NUMBERS)
    assert model.stopped_ is False
    assert regressor(max_iter=300, tol=1.0).fit(X, NUMBERS).stopped_ is True


def test_without_validation_data_a_partial_fit_cannot_stop_early():
    with pytest.raises(ValueError, match="early_stopping=True without validation_data"):
        regressor(early_stopping=True).partial_fit(X, NUMBERS)
    model = regressor(early_stopping=True)
    model.partial_fit(X, NUMBERS, validation_data=NUMBERS_HELD)
    assert len(model.validation_scores_) == 1

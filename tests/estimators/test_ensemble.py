"""Ensembles: networks of one estimator, trained as one stack and averaged."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp

import xpnet
from tests.support.estimators import CLASSES, NUMBERS, X, classifier, regressor
from xpnet.backends import to_numpy
from xpnet.losses import CrossEntropy, GaussianNLL

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

R = 3
LABELS = np.stack([NUMBERS > 0, X[:, 2] > 0], axis=1)


def in_turn(kind, y, **settings):
    """The networks of an ensemble, each fitted on its own, from the same draws."""
    state = np.random.RandomState(0)
    starts = [
        kind(max_iter=1, learning_rate_init=1e-300, random_state=state, shuffle=False, **settings)
        for _ in range(R)
    ]
    for start in starts:
        start.fit(X, y).set_params(max_iter=8, learning_rate_init=0.001, warm_start=True)
    for start in starts:
        start.fit(X, y)
    return starts


@pytest.mark.parametrize("y", [CLASSES, NUMBERS > 0, LABELS], ids=["many", "two", "labels"])
def test_an_ensemble_is_the_mean_of_networks_trained_in_turn(backend, y):
    settings = {"backend": backend.name, "dtype": "float64"}
    each = in_turn(classifier, y, **settings)
    found = classifier(n_ensemble=R, shuffle=False, **settings).fit(X, y)
    for a, *others in zip(found.coefs_, *(model.coefs_ for model in each), strict=True):
        np.testing.assert_allclose(a, others, atol=1e-12)
    mean = np.mean([model.predict_proba(X) for model in each], axis=0)
    np.testing.assert_allclose(found.predict_proba(X), mean, atol=1e-12)
    np.testing.assert_allclose(np.exp(found.predict_log_proba(X)), mean, rtol=1e-12)
    losses = np.mean([model.loss_curve_[-8:] for model in each], axis=0)
    np.testing.assert_allclose(found.loss_curve_, losses, rtol=1e-12)


def test_a_regressor_averages_predictions():
    each = in_turn(regressor, NUMBERS)
    found = regressor(n_ensemble=R, shuffle=False).fit(X, NUMBERS)
    mean = np.mean([model.predict(X) for model in each], axis=0)
    np.testing.assert_allclose(found.predict(X), mean, rtol=1e-12)
    gaussian = regressor(n_ensemble=R, loss=GaussianNLL()).fit(X, NUMBERS)
    assert gaussian.predict(X).shape == (80,)


def test_log_probabilities_of_an_ensemble_are_finite():
    model = classifier(n_ensemble=R, solver="lbfgs", alpha=0.0, max_iter=50).fit(X, CLASSES)
    far = X * 1e4
    log_P = model.predict_log_proba(far)
    assert np.isfinite(log_P).all()
    assert log_P.min() < -1000.0
    members = [to_numpy(model.stack_[r].logits(far)) for r in range(R)]
    each = [Z - logsumexp(Z, axis=1, keepdims=True) for Z in members]
    expected = logsumexp(each, axis=0) - np.log(R)
    np.testing.assert_allclose(log_P, expected, rtol=1e-12, atol=1e-12)


def test_lbfgs_trains_one_network_after_another():
    model = regressor(n_ensemble=2, solver="lbfgs", max_iter=20).fit(X, NUMBERS)
    single = regressor(solver="lbfgs", max_iter=20).fit(X, NUMBERS)
    np.testing.assert_array_equal(model.stack_[0].parameters, single.network_.parameters)
    assert np.abs(model.stack_[1].parameters - single.network_.parameters).max() > 1e-3


@pytest.mark.parametrize("changed", [{"solver": "sgd"}, {"dropout": 0.2}, {"early_stopping": True}])
def test_an_ensemble_goes_on_after_a_pickle(changed):
    model = classifier(n_ensemble=R, **changed).fit(X, CLASSES)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    for each in (model, copy):
        each.set_params(early_stopping=False).partial_fit(X, CLASSES)
    np.testing.assert_array_equal(copy.coefs_[0], model.coefs_[0])
    assert isinstance(copy.stack_, xpnet.Stack)
    assert len(copy.stack_) == R


def test_early_stopping_watches_the_score_of_the_mean():
    held = X[60:], CLASSES[60:]
    model = classifier(n_ensemble=R, early_stopping=True, max_iter=30, learning_rate_init=0.05)
    model.fit(X[:60], CLASSES[:60], validation_data=held)
    assert model.best_validation_score_ == model.score(*held) == max(model.validation_scores_)
    assert len(model.validation_loss_curve_) == model.n_iter_


def test_a_callback_gets_the_stack_and_sparse_rows_are_taken():
    seen = []
    rows = sparse.csr_array(np.where(np.abs(X) > 0.8, X, 0.0))
    model = classifier(
        n_ensemble=R, callbacks=lambda stack, _: seen.append(stack) or len(seen) == 2
    )
    model.fit(rows, CLASSES)
    assert seen == [model.stack_] * 2
    dense = classifier(n_ensemble=R, max_iter=2).fit(rows.toarray(), CLASSES)
    np.testing.assert_allclose(model.predict_proba(rows), dense.predict_proba(rows), atol=1e-12)


def test_a_warm_start_keeps_the_networks_with_a_changed_loss():
    model = classifier(n_ensemble=R, warm_start=True).fit(X, CLASSES)
    theta = model.stack_.parameters.copy()
    model.set_params(loss=CrossEntropy(0.2), learning_rate_init=1e-300, max_iter=1)
    model.fit(X, CLASSES)
    np.testing.assert_array_equal(model.stack_.parameters, theta)
    assert model.stack_[1].loss is CrossEntropy(0.2)


def test_what_an_ensemble_does_not_have():
    model = classifier(n_ensemble=R).fit(X, CLASSES)
    assert not hasattr(model, "network_")
    assert not hasattr(classifier().fit(X, CLASSES), "stack_")
    with pytest.raises(AttributeError, match=r"has 3 networks: stack_\[r\] is a copy"):
        model.check_gradient(X, CLASSES)
    with pytest.raises(AttributeError, match="cannot be set"):
        model.coefs_ = []
    with pytest.raises(ValueError, match="read-only"):
        model.coefs_[0][:] = 0.0
    with pytest.raises(ValueError, match="no equal of n_ensemble"):
        model.to_sklearn()
    with pytest.raises(ValueError, match=r"has 3 networks\. Set it to 3"):
        model.set_params(n_ensemble=2).partial_fit(X, CLASSES)


# NumPy warns of the overflow that the fit is to have
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_one_network_that_diverges_ends_the_fit():
    model = regressor(n_ensemble=R, solver="sgd", hidden_layer_sizes=()).fit(X, NUMBERS)
    theta = model.stack_.parameters.copy()
    theta[1] *= 1e200
    model.stack_._net.take(theta, ())
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.partial_fit(X, NUMBERS)
    np.testing.assert_array_equal(model.stack_.parameters, theta)

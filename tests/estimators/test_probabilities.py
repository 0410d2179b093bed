"""Probabilities of classes and their logarithms."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.estimators import CLASSES, NUMBERS, X, classifier

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("y", [CLASSES, NUMBERS > 0, np.stack([NUMBERS > 0, X[:, 2] > 0], 1)],
                         ids=["many", "two", "labels"])  # fmt: skip
def test_no_logarithm_of_a_probability_is_infinite(y):
    model = classifier(solver="lbfgs", alpha=0.0, max_iter=50).fit(X, y)
    far = X * 1e4
    P, log_P = model.predict_proba(far), model.predict_log_proba(far)
    assert P.min() == np.finfo(P.dtype).tiny  # it would be 0
    assert np.isfinite(log_P).all()
    assert log_P.min() < -1000.0
    near = model.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(near), model.predict_proba(X), rtol=1e-12, atol=1e-300)


def test_a_loss_is_not_clipped():
    """scikit-learn's log loss of an example is at most −ln ε, 36 in float64."""
    model = classifier(hidden_layer_sizes=(), warm_start=True, alpha=0.0, max_iter=1)
    model.fit(X, NUMBERS > 0).set_params(learning_rate_init=1e-300)
    far = 1e4 * X
    model.fit(far, NUMBERS > 0)
    z = np.where(NUMBERS > 0, 1, -1) * (far @ model.coefs_[0][:, 0] + model.intercepts_[0])
    assert model.loss_ == pytest.approx(np.mean(np.logaddexp(0.0, -z)), rel=1e-12)
    assert model.loss_ > 36.0


@pytest.mark.parametrize("y", [CLASSES, NUMBERS > 0], ids=["many", "two"])
def test_probabilities_and_logarithms_take_one_pass_each(y, monkeypatch):
    model, passes = classifier().fit(X, y), []
    original = xpnet.Network._outputs

    def counted(self, X):
        passes.append(len(X))
        return original(self, X)

    monkeypatch.setattr(xpnet.Network, "_outputs", counted)
    model.predict_proba(X)
    model.predict_log_proba(X)
    assert passes == [80, 80]

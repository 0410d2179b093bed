"""Probabilities of classes and their logarithms."""

from __future__ import annotations

import numpy as np
import pytest

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

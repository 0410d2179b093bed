"""Lists of weights, copies and pickles."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.support.estimators import CLASSES, NUMBERS, X, classifier, regressor

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_lists_of_weights_are_the_networks():
    model = regressor(hidden_layer_sizes=()).fit(X, NUMBERS)
    W, b = model.coefs_[0], model.intercepts_[0]
    np.testing.assert_allclose(model.predict(X), X @ W[:, 0] + b[0], rtol=1e-12)
    W[:] = 0.0  # in place
    np.testing.assert_array_equal(model.predict(X), np.full(80, b[0]))
    model.coefs_[0] = np.eye(4)[:, :1]  # an entry
    np.testing.assert_allclose(model.predict(X), X[:, 0] + b[0], rtol=1e-12)
    model.intercepts_ = [np.ones(1)]  # a list
    np.testing.assert_allclose(model.predict(X), X[:, 0] + 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.network_.biases[0], [1.0])
    model.network_.set_weights([np.zeros((1, 4))], [np.zeros(1)])
    np.testing.assert_array_equal(model.coefs_[0], np.zeros((4, 1)))


def test_lists_on_a_device_are_read_only(backend):
    model = regressor(backend=backend.name, dtype="float64", max_iter=1).fit(X, NUMBERS)
    if backend.name != "numpy":
        with pytest.raises(ValueError, match="read-only"):
            model.coefs_[0][:] = 0.0
    model.coefs_ = [np.zeros_like(W) for W in model.coefs_]
    np.testing.assert_allclose(model.predict(X), np.full(80, model.intercepts_[1][0]), rtol=1e-12)


def test_a_pickle_has_the_weights_the_state_and_replaced_entries(tmp_path):
    model = classifier(hidden_layer_sizes=5).fit(X, CLASSES)
    model.coefs_[0] = model.coefs_[0] * 2.0
    joblib.dump(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
        np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
        copy.partial_fit(X, CLASSES)
    model.partial_fit(X, CLASSES)
    np.testing.assert_array_equal(copy.coefs_[0], model.coefs_[0])
    fresh = clone(model)
    assert not hasattr(fresh, "coefs_")
    with pytest.raises(NotFittedError):
        fresh.predict(X)

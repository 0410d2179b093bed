"""Small data and estimators of few epochs, for the tests of scikit-learn's estimators."""

from __future__ import annotations

import numpy as np

from xpnet.estimators import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
NUMBERS = X[:, 0] - X[:, 1] ** 2
CLASSES = np.asarray(["a", "b", "c"])[np.digitize(NUMBERS, [-1.0, 0.5])]


def classifier(**settings):
    """Return an unfitted `MLPClassifier` of one small layer."""
    return MLPClassifier(**{"hidden_layer_sizes": 6, "max_iter": 8, "random_state": 0, **settings})


def regressor(**settings):
    """Return an unfitted `MLPRegressor` of one small layer."""
    return MLPRegressor(**{"hidden_layer_sizes": 6, "max_iter": 8, "random_state": 0, **settings})

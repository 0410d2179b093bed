"""A small table with every kind of column, and settings of short fits, for table estimators."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from xpnet.estimators import TabularClassifier, TabularRegressor

__all__ = ["BOTH", "DATA", "KIND", "OF_ARRAY", "RNG", "SIZE", "SMALL", "N", "Z", "answers", "both"]

RNG = np.random.default_rng(0)
N = 60
Z = RNG.normal(size=N)
FIRST = datetime.date(2024, 1, 1)
DATA: dict[str, Any] = {
    "x": Z,
    "holes": np.where(np.arange(N) % 7 == 0, np.nan, Z**2),
    "day": [FIRST + datetime.timedelta(days=int(k)) for k in RNG.integers(0, 300, N)],
    "colour": [["red", "blue", "green", None][k] for k in RNG.integers(0, 4, N)],
    "once": [f"text {k}" for k in range(N)],
}
KIND = np.where(Z > 0.5, "c", np.where(Z > 0, "b", "a"))
SIZE = np.exp(Z) + 1.0
SMALL: dict[str, Any] = {"epochs": 3, "hidden": (8,), "ignore": ["once"]}
OF_ARRAY: dict[str, Any] = {"epochs": 3, "hidden": (8,)}
BOTH = [(TabularClassifier, KIND), (TabularRegressor, SIZE)]

both = pytest.mark.parametrize(("kind", "y"), BOTH, ids=["classes", "quantity"])


def answers(model, X):
    """What a fitted estimator answers: probabilities, or quantities."""
    of = getattr(model, "predict_proba", model.predict)
    return of(X)

"""The scores of predictions on test rows: error, log loss, R²."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_PROBABILITY", "class_scores", "quantity_scores"]

Floats = NDArray[np.float64]

LEAST_PROBABILITY = float(np.finfo(np.float32).eps)
"""Smaller probabilities count as this one: a single wrong 0 would make the log loss infinite."""


def class_scores(
    classes: Sequence[str], probabilities: Floats, truth: Sequence[str]
) -> dict[str, float]:
    """Return the error, 1 − accuracy, and the log loss.

    Parameters
    ----------
    classes
        (K,) names; a class that training did not have may be missing, and has probability 0.
    probabilities : (N, K)
    truth
        (N,) names.
    """
    place = {name: k for k, name in enumerate(classes)}
    codes = np.array([place.get(name, -1) for name in truth])
    of_truth = np.where(codes < 0, 0.0, probabilities[np.arange(len(codes)), codes])
    wrong = probabilities.argmax(axis=1) != codes
    losses = -np.log(np.maximum(of_truth, LEAST_PROBABILITY))
    return {"error": float(wrong.mean()), "log_loss": float(losses.mean())}


def quantity_scores(values: Floats, truth: Floats, trained_on: Floats) -> dict[str, float]:
    """Return the error, RMSE/σ with σ of the training targets, and R² on the test rows."""
    squares = float(np.mean((values - truth) ** 2))
    error = np.sqrt(squares) / trained_on.std()
    return {"error": float(error), "r2": 1.0 - squares / float(truth.var())}


def scores(
    predictions: dict[str, Any], truth: Sequence[str], trained_on: Sequence[str]
) -> dict[str, float]:
    """Return the scores of a worker's predictions; targets are cells of the table."""
    if "classes" in predictions:
        classes = [str(name) for name in predictions["classes"]]
        return class_scores(classes, np.asarray(predictions["probabilities"], np.float64), truth)
    targets = (np.array(cells, dtype=np.float64) for cells in (truth, trained_on))
    return quantity_scores(np.asarray(predictions["values"], np.float64), *targets)

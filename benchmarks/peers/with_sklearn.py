"""scikit-learn's MLPClassifier: `fit` for n epochs, without stopping early."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.workloads import LEARNING_RATE, Workload

__all__ = ["Sklearn"]

Array = Any


class Sklearn:
    """Uses `fit`, not `partial_fit`, which would check its arguments at every batch.

    Every fit starts from new parameters. float32 data keep the network in float32. For two classes
    it has one logistic output.
    """

    packages = ("scikit-learn", "numpy", "scipy")

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload, self.X, self.Y = workload, X, Y

    def start(self, seed: int) -> None:
        """Make a new estimator, whose `fit` stops only after its number of epochs."""
        self.net = MLPClassifier(
            self.workload.sizes[1:-1],
            batch_size=self.workload.batch,
            learning_rate_init=LEARNING_RATE,
            alpha=0.0,
            tol=0.0,
            random_state=seed,
        )

    def train(self, epochs: int) -> None:
        """Fit for n epochs."""
        self.net.set_params(max_iter=epochs, n_iter_no_change=epochs + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.net.fit(self.X, self.Y)

    def predict(self, X: Array) -> Array:
        """Return the estimator's probabilities."""
        return self.net.predict_proba(np.atleast_2d(X))

    def threads(self) -> int | None:
        """Return None: the report lists BLAS and its threads separately."""
        return None

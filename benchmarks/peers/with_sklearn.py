"""scikit-learn's MLPClassifier: `fit` for n epochs, without its tests for convergence."""

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
    """`fit` and not `partial_fit`: the same loop over batches, with its checks once a fit.

    It begins anew at every fit. float32 data keep the network in float32. For two classes it has
    one logistic output.
    """

    packages = ("scikit-learn", "numpy", "scipy")

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload, self.X, self.Y = workload, X, Y

    def start(self, seed: int) -> None:
        """A new estimator, whose `fit` would stop for no reason but its number of epochs."""
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
        """Its probabilities."""
        return self.net.predict_proba(np.atleast_2d(X))

    def threads(self) -> int | None:
        """Those of the BLAS, which is named apart."""
        return None

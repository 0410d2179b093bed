"""A prediction in plain NumPy, written by hand without a library and without checks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workloads import Workload

__all__ = ["ByHand"]

Array = Any


class ByHand:
    """A network with weights (fan_out, fan_in), as in xpnet."""

    packages: tuple[str, ...] = ("numpy",)

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.sizes = workload.sizes

    def start(self, seed: int) -> None:
        """Draw He's uniform weights; biases are zero."""
        rng = np.random.default_rng(seed)
        self.layers = [
            (
                rng.uniform(-((6 / m) ** 0.5), (6 / m) ** 0.5, (n, m)).astype(np.float32),
                np.zeros(n, np.float32),
            )
            for m, n in pairwise(self.sizes)
        ]

    def train(self, epochs: int) -> None:
        """Do nothing: predictions need no trained weights to be timed."""

    def predict(self, X: Array) -> Array:
        """Apply A ← max(A Wᵀ + b, 0) layer by layer, and softmax at the end."""
        A = X
        for W, b in self.layers[:-1]:
            A = np.maximum(A @ W.T + b, 0)
        W, b = self.layers[-1]
        Z = A @ W.T + b
        P = np.exp(Z - Z.max(axis=-1, keepdims=True))
        return P / P.sum(axis=-1, keepdims=True)

    def threads(self) -> int | None:
        """Return None: the report lists BLAS and its threads separately."""
        return None

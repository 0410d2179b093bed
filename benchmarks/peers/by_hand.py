"""A prediction in plain NumPy, as one writes it by hand: no library around it, and no checks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workloads import Workload

__all__ = ["ByHand"]

Array = Any


class ByHand:
    """Weights as (fan_out, fan_in), as xpnet has them."""

    packages: tuple[str, ...] = ("numpy",)

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.sizes = workload.sizes

    def start(self, seed: int) -> None:
        """He's uniform weights, biases of zero."""
        rng = np.random.default_rng(seed)
        self.layers = [
            (
                rng.uniform(-((6 / m) ** 0.5), (6 / m) ** 0.5, (n, m)).astype(np.float32),
                np.zeros(n, np.float32),
            )
            for m, n in pairwise(self.sizes)
        ]

    def train(self, epochs: int) -> None:
        """Nothing: the weights that it starts with will do."""

    def predict(self, X: Array) -> Array:
        """A ← max(A Wᵀ + b, 0), and softmax at the end."""
        A = X
        for W, b in self.layers[:-1]:
            A = np.maximum(A @ W.T + b, 0)
        W, b = self.layers[-1]
        Z = A @ W.T + b
        P = np.exp(Z - Z.max(axis=-1, keepdims=True))
        return P / P.sum(axis=-1, keepdims=True)

    def threads(self) -> int | None:
        """Those of the BLAS, which is named apart."""
        return None

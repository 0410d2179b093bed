"""thinc: a chain of Relu and Softmax with its Adam, on its own matrix products (BLIS)."""

from __future__ import annotations

from typing import Any

import numpy as np
import thinc.api as thinc

from benchmarks.workloads import LEARNING_RATE, Workload

__all__ = ["Thinc"]

Array = Any


class Thinc:
    """A thinc model; like the other peers, its Adam neither clips nor averages."""

    packages = ("thinc", "blis", "numpy")

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload, self.X, self.Y = workload, X, Y
        self.one_hot = np.eye(workload.sizes[-1], dtype=np.float32)

    def start(self, seed: int) -> None:
        """Make a new model and optimizer."""
        thinc.fix_random_seed(seed)
        *hidden, n_L = self.workload.sizes[1:]
        self.net = thinc.chain(*map(thinc.Relu, hidden), thinc.Softmax(n_L))
        self.net.initialize(X=self.X[:2], Y=self.one_hot[self.Y[:2]])
        self.adam = thinc.Adam(LEARNING_RATE, grad_clip=0.0, use_averages=False)

    def train(self, epochs: int) -> None:
        """Run the usual loop; dZ_L = (P − Y) / N by hand is faster than thinc's loss function."""
        for _ in range(epochs):
            batches = self.net.ops.multibatch(self.workload.batch, self.X, self.Y, shuffle=True)
            for X, Y in batches:
                P, backprop = self.net.begin_update(X)
                backprop((P - self.one_hot[Y]) / np.float32(len(X)))
                self.net.finish_update(self.adam)

    def predict(self, X: Array) -> Array:
        """Return probabilities; nothing is kept for a gradient."""
        return self.net.predict(X)

    def threads(self) -> int | None:
        """Return 1: thinc's BLIS has one thread."""
        return 1

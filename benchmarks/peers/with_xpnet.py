"""xpnet as a user calls it: `Network.fit` on NumPy, with only the workload's settings."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import xpnet
from benchmarks.workloads import LEARNING_RATE, Workload

__all__ = ["Plain", "Xpnet"]

Array = Any


class Xpnet:
    """The public network.

    The first fit has `compile=True`, so that the cache is filled before anything is timed. All
    later fits leave the choice to the library.
    """

    packages = ("xpnet", "numpy", *(name for name in ("numba",) if find_spec(name)))

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload, self.X, self.Y = workload, X, Y
        self.compile: bool | None = True if find_spec("numba") else None

    def start(self, seed: int) -> None:
        """Make a new network."""
        self.net = xpnet.Network(self.workload.sizes, loss="cross_entropy", rng=seed)

    def train(self, epochs: int) -> None:
        """Fit for n epochs."""
        self.net.fit(
            self.X,
            self.Y,
            epochs=epochs,
            batch_size=self.workload.batch,
            learning_rate=LEARNING_RATE,
            progress=False,
            compile=self.compile,
        )
        if self.compile:
            self.compile = None

    def predict(self, X: Array) -> Array:
        """Return the network's outputs."""
        return self.net(X)

    def threads(self) -> int | None:
        """Return None: the report lists BLAS and its threads separately."""
        return None


class Plain(Xpnet):
    """xpnet without compiled steps, as users have it without numba."""

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        super().__init__(workload, X, Y)
        self.compile = False

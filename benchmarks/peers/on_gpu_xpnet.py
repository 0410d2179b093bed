"""xpnet on CuPy as a user calls it: `Network.fit`, or `Stack.fit` for many networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xpnet
from benchmarks.peers.on_gpu import LIBRARIES
from benchmarks.workloads import LEARNING_RATE, Workload
from xpnet.backends import get_backend

__all__ = ["Xpnet"]

Array = Any
CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy")
"""The possible names of CuPy's distribution."""


class Xpnet:
    """The public network, or a stack of them."""

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload, library = workload, LIBRARIES[workload.device]
        on_gpu = library == "cupy"
        self.packages = ("xpnet", "numpy", *(CUPY if on_gpu else ()))
        self.backend = get_backend(library, precision=workload.precision if on_gpu else None)
        self.X, self.Y = (xpnet.asarray(x, backend=self.backend) for x in (X, Y))
        if on_gpu:
            self.elapsed = self._elapsed

    def start(self, seed: int) -> None:
        """Make a new network, or a stack whose networks have consecutive seeds."""
        nets = [
            xpnet.Network(self.workload.sizes, loss="cross_entropy", rng=s, backend=self.backend)
            for s in range(seed, seed + max(self.workload.stack, 1))
        ]
        self.net = xpnet.Stack(nets) if self.workload.stack else nets[0]

    def train(self, epochs: int) -> None:
        """Fit for n epochs."""
        self._fit(self.X, self.Y, epochs=epochs)

    def first_steps(self, n: int) -> None:
        """Take n steps on the rows in their order."""
        n *= self.workload.batch
        self._fit(self.X[:n], self.Y[:n], epochs=1, shuffle=False)

    def _fit(self, X: Array, Y: Array, **settings: Any) -> None:
        self.net.fit(
            X,
            Y,
            batch_size=self.workload.batch,
            learning_rate=LEARNING_RATE,
            progress=False,
            **settings,
        )
        self.backend.wait(self.net.parameters)

    def predict(self, X: Array) -> Array:
        """Return probabilities on the host; (R, N, n_L) for a stack."""
        return xpnet.to_numpy(self.net(X))

    def threads(self) -> int | None:
        """Return None: the CPU's threads do not matter here."""
        return None

    def _elapsed(self, act: Callable[[], None]) -> float:
        """Return the seconds between two events of the caller's stream.

        The network's stream waits for the caller's.
        """
        import cupy

        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record()
        act()
        end.record()
        end.synchronize()
        milliseconds: float = cupy.cuda.get_elapsed_time(begin, end)
        return milliseconds / 1e3

"""xpnet on CuPy as a user calls it, `Network.fit`; a stack of networks as passes over (R, P)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xpnet
from benchmarks.peers.on_gpu import LIBRARIES
from benchmarks.workloads import LEARNING_RATE, Workload
from xpnet import passes
from xpnet.backends import get_backend

__all__ = ["Xpnet"]

Array = Any
CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy")
"""What CuPy's distribution may be called."""


class Xpnet:
    """The public network, or, of a stack, its gradients in one pass and no optimizer."""

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload, library = workload, LIBRARIES[workload.device]
        on_gpu = library == "cupy"
        self.packages = ("xpnet", "numpy", *(CUPY if on_gpu else ()))
        self.backend = get_backend(library, precision=workload.precision if on_gpu else None)
        self.X, self.Y = (xpnet.asarray(x, backend=self.backend) for x in (X, Y))
        if on_gpu:
            self.elapsed = self._elapsed

    def start(self, seed: int) -> None:
        """A new network; of a stack, as many copies of its θ."""
        self.net = xpnet.Network(
            self.workload.sizes, loss="cross_entropy", rng=seed, backend=self.backend
        )
        if self.workload.stack:
            xp = self.backend.xp
            with self.backend.context():
                self.theta = xp.tile(self.net.parameters, (self.workload.stack, 1))
                self.g = xp.empty_like(self.theta)

    def train(self, epochs: int) -> None:
        """One fit of so many epochs."""
        if self.workload.stack:
            self._passes(epochs)
        else:
            self._fit(self.X, self.Y, epochs=epochs)

    def first_steps(self, n: int) -> None:
        """Rows as they stand."""
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

    def _passes(self, epochs: int) -> None:
        """Forward and backward of every step; all networks see the same batch."""
        batch, net, loss = self.workload.batch, self.net, self.net.loss
        assert loss is not None
        fixed = self.backend, net.layers, loss, self.theta
        with self.backend.context():
            for _ in range(epochs):
                for begin in range(0, self.workload.rows, batch):
                    X, Y = (x[begin : begin + batch] for x in (self.X, self.Y))
                    passes.gradient(*fixed, X, Y, None, 1 / batch, self.g)
        self.backend.wait(self.g)

    def predict(self, X: Array) -> Array:
        """On the host."""
        return xpnet.to_numpy(self.net(X))

    def threads(self) -> int | None:
        """None that count."""
        return None

    def _elapsed(self, act: Callable[[], None]) -> float:
        """Seconds between two events of the caller's stream, which the network's waits for."""
        import cupy

        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record()
        act()
        end.record()
        end.synchronize()
        milliseconds: float = cupy.cuda.get_elapsed_time(begin, end)
        return milliseconds / 1e3

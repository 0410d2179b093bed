"""JAX on a GPU: the step and the epoch of `with_jax`, from the common initial parameters."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import with_jax
from benchmarks.peers.on_gpu import initial
from benchmarks.peers.with_jax import epoch, step
from benchmarks.workloads import Workload

__all__ = ["Jitted", "Scanned"]

Array = Any
PRECISIONS = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Jitted(with_jax.Jitted):
    """One call per step; the data and the order are on the device."""

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        if workload.stack:
            raise ImportError("there is no JAX contender for a stack of networks")
        if workload.device == "cuda" and jax.default_backend() != "gpu":
            raise ImportError(f"this JAX computes only on {jax.default_backend()}")
        jax.config.update("jax_default_matmul_precision", PRECISIONS[workload.precision])
        super().__init__(workload, X, Y)

    def start(self, seed: int) -> None:
        """Set W (fan_in, fan_out) to the common start, biases and moments to zero."""
        self.rng = np.random.default_rng(seed)
        weights = initial(self.workload.sizes, seed)
        theta = [(jnp.asarray(W.T), jnp.zeros(len(W), jnp.float32)) for W in weights]
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        self.state = theta, m, v, jnp.zeros((), jnp.float32)

    def order(self) -> Array:
        """Return a new order of the rows, on the device."""
        return jnp.asarray(super().order())

    def first_steps(self, n: int) -> None:
        """Take n steps on the rows in their order."""
        batch = self.workload.batch
        for rows in np.arange(n * batch, dtype=np.int32).reshape(n, batch):
            self.state = step(self.state, self.X, self.Y, jnp.asarray(rows))


class Scanned(Jitted, with_jax.Scanned):
    """One call per epoch."""

    def first_steps(self, n: int) -> None:
        """Take n steps on the rows in their order, as one epoch."""
        rows = np.arange(n * self.workload.batch, dtype=np.int32).reshape(n, -1)
        self.state = epoch(self.state, self.X, self.Y, jnp.asarray(rows))

    train = with_jax.Scanned.train

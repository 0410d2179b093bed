"""JAX on a GPU: the step and the epoch of `with_jax`, from the common start."""

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
    """A call a step; its data and its order lie on the device."""

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        if workload.stack:
            raise ImportError("a stack of networks is not written for it")
        if workload.device == "cuda" and jax.default_backend() != "gpu":
            raise ImportError(f"this JAX computes on {jax.default_backend()} alone")
        jax.config.update("jax_default_matmul_precision", PRECISIONS[workload.precision])
        super().__init__(workload, X, Y)

    def start(self, seed: int) -> None:
        """W as (fan_in, fan_out), biases of zero, fresh moments."""
        self.rng = np.random.default_rng(seed)
        weights = initial(self.workload.sizes, seed)
        theta = [(jnp.asarray(W.T), jnp.zeros(len(W), jnp.float32)) for W in weights]
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        self.state = theta, m, v, jnp.zeros((), jnp.float32)

    def order(self) -> Array:
        """A fresh one, on the device."""
        return jnp.asarray(super().order())

    def first_steps(self, n: int) -> None:
        """Rows as they stand."""
        batch = self.workload.batch
        for rows in np.arange(n * batch, dtype=np.int32).reshape(n, batch):
            self.state = step(self.state, self.X, self.Y, jnp.asarray(rows))


class Scanned(Jitted, with_jax.Scanned):
    """A call an epoch."""

    def first_steps(self, n: int) -> None:
        """As an epoch of n steps."""
        rows = np.arange(n * self.workload.batch, dtype=np.int32).reshape(n, -1)
        self.state = epoch(self.state, self.X, self.Y, jnp.asarray(rows))

    train = with_jax.Scanned.train

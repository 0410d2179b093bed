"""JAX: one jitted step with donated state, or a whole epoch as one `lax.scan`.

The scan gathers its batches inside. JAX's documentation recommends it if a step is short. Adam is
written out:

    m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
    θ ← θ − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import LEARNING_RATE, Workload

__all__ = ["Jitted", "Scanned"]

Array = Any
State = tuple[Any, Any, Any, Any]  # θ, m, v and the number of steps
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def logits(theta: Any, A: Any) -> Any:
    """Return Z_L."""
    for W, b in theta[:-1]:
        A = jax.nn.relu(A @ W + b)
    W, b = theta[-1]
    return A @ W + b


def loss(theta: Any, X: Any, Y: Any) -> Any:
    """Return the softmax cross-entropy of integer labels."""
    log_p = jax.nn.log_softmax(logits(theta, X))
    return -jnp.mean(jnp.take_along_axis(log_p, Y[:, None], axis=1))


def update(state: State, X: Any, Y: Any) -> State:
    """Apply Adam to the gradient of a batch."""
    theta, m, v, t = state
    g = jax.grad(loss)(theta, X, Y)
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
    c1, c2 = 1 - BETA1**t, 1 - BETA2**t

    def moved(p: Any, m: Any, v: Any) -> Any:
        return p - LEARNING_RATE * (m / c1) / (jnp.sqrt(v / c2) + EPSILON)

    return jax.tree.map(moved, theta, m, v), m, v, t


@partial(jax.jit, donate_argnums=0)
def step(state: State, X: Any, Y: Any, rows: Any) -> State:
    """Take a step on one batch, gathered inside."""
    return update(state, X.at[rows].get(mode="clip"), Y.at[rows].get(mode="clip"))


@partial(jax.jit, donate_argnums=0)
def epoch(state: State, X: Any, Y: Any, order: Any) -> State:
    """Take the steps of all whole batches of an epoch; ``order`` is (steps, batch)."""

    def one(state: State, rows: Any) -> tuple[State, None]:
        return update(state, X.at[rows].get(mode="clip"), Y.at[rows].get(mode="clip")), None

    after: State = jax.lax.scan(one, state, order)[0]
    return after


@partial(jax.jit)
def probabilities(theta: Any, X: Any) -> Any:
    """Return the softmax of the logits."""
    return jax.nn.softmax(logits(theta, X))


class Jitted:
    """One call per step."""

    packages = ("jax", "jaxlib")

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload = workload
        self.X, self.Y = jnp.asarray(X), jnp.asarray(Y.astype(np.int32))

    def start(self, seed: int) -> None:
        """Draw Glorot's uniform weights; biases and moments are zero."""
        self.rng = np.random.default_rng(seed)
        theta = []
        for m, n in pairwise(self.workload.sizes):
            limit = (6 / (m + n)) ** 0.5
            W = self.rng.uniform(-limit, limit, (m, n)).astype(np.float32)
            theta.append((jnp.asarray(W), jnp.zeros(n, jnp.float32)))
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        self.state: State = theta, m, v, jnp.zeros((), jnp.float32)

    def order(self) -> Array:
        """Return a new order of the rows."""
        return self.rng.permutation(self.workload.rows).astype(np.int32)

    def train(self, epochs: int) -> None:
        """Run the usual loop over batches."""
        batch = self.workload.batch
        for _ in range(epochs):
            order = self.order()
            for begin in range(0, self.workload.rows, batch):
                self.state = step(self.state, self.X, self.Y, order[begin : begin + batch])
        jax.block_until_ready(self.state)

    def predict(self, X: Array) -> Array:
        """Return probabilities; JAX compiles once per shape."""
        return np.asarray(probabilities(self.state[0], X))

    def threads(self) -> int | None:
        """Return None: JAX does not report it."""
        return None


class Scanned(Jitted):
    """One call per epoch, and one more for a smaller last batch."""

    def train(self, epochs: int) -> None:
        """Train on each epoch's whole batches in one call."""
        batch = self.workload.batch
        whole = self.workload.rows // batch * batch
        for _ in range(epochs):
            order = self.order()
            self.state = epoch(self.state, self.X, self.Y, order[:whole].reshape(-1, batch))
            if whole < self.workload.rows:
                self.state = step(self.state, self.X, self.Y, order[whole:])
        jax.block_until_ready(self.state)

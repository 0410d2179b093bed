"""The common start of the contenders on a GPU, and a reference for their first steps.

Every contender begins with xpnet's initial parameters, W (n_l, n_{l-1}) and b = 0, which are the
same numbers on any machine. Its first steps take the rows in their order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

import xpnet
from benchmarks.workloads import LEARNING_RATE, Workload

__all__ = ["LIBRARIES", "initial", "reference"]

Array = np.ndarray[Any, Any]
LIBRARIES = {"cuda": "cupy", "cpu": "numpy"}
"""xpnet's backend for each device of a workload."""


@lru_cache(maxsize=1)
def initial(sizes: tuple[int, ...], seed: int) -> tuple[Array, ...]:
    """Return W_1 … W_L in float32."""
    return xpnet.Network(sizes, loss="cross_entropy", rng=seed).weights


def reference(workload: Workload, X: Array, Y: Array, n_steps: int) -> Array:
    """Return the probabilities of X's first rows after the first steps, by NumPy in float64.

    Their shape is (rows, n_L); for a stack (R, rows, n_L), with each network trained alone.
    """
    found = [_alone(workload, X, Y, n_steps, seed) for seed in range(max(workload.stack, 1))]
    return np.stack(found) if workload.stack else found[0]


def _alone(workload: Workload, X: Array, Y: Array, n_steps: int, seed: int) -> Array:
    from benchmarks.worker import SOME_ROWS

    n = n_steps * workload.batch
    net = xpnet.Network(workload.sizes, loss="cross_entropy", dtype="float64")
    weights = initial(workload.sizes, seed)
    net.set_weights(weights, [np.zeros(len(W)) for W in weights])
    net.fit(
        X[:n],
        Y[:n],
        epochs=1,
        batch_size=workload.batch,
        learning_rate=LEARNING_RATE,
        shuffle=False,
        progress=False,
        compile=False,
    )
    outputs: Array = net(X[:SOME_ROWS])
    return outputs

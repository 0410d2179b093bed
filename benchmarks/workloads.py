"""The workloads of the training benchmarks: a network's shape, a batch, and a data set in memory.

Every workload has relu, softmax cross-entropy on integer labels, and Adam at 1e-3 in float32. On a
GPU the factors of products may have fewer bits. An epoch takes the rows in a new order, batch by
batch: ⌈rows / batch⌉ steps.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "DRY_WORKLOADS",
    "GPU_WORKLOADS",
    "LEARNING_RATE",
    "PREDICTION",
    "WORKLOADS",
    "Workload",
    "data",
    "test_data",
]

LEARNING_RATE = 1e-3

Array = np.ndarray[Any, Any]


class Workload(NamedTuple):
    """A training loop to be timed.

    If ``epochs`` is 0, the figure is the time of a step, from as many epochs as fill a round.
    Otherwise it is the time of a whole run of ``epochs`` epochs from fresh parameters. ``stack`` is
    the number of networks trained at once; 0 means one network without a leading axis.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    rows: int
    epochs: int = 0
    precision: str = "float32"
    device: str = "cpu"
    stack: int = 0

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return -(-self.rows // self.batch)

    @property
    def title(self) -> str:
        """A title such as "784-128-10, 64"; for a whole run its name."""
        networks = f"{self.stack} × " if self.stack else ""
        return self.name if self.epochs else f"{networks}{self.name}, {self.batch}"

    @property
    def parameters(self) -> int:
        """The number of parameters of one network."""
        return sum((m + 1) * n for m, n in pairwise(self.sizes))

    @property
    def unit(self) -> str:
        """The unit whose time is measured: "run" or "step"."""
        return "run" if self.epochs else "step"


def _of_steps(sizes: tuple[int, ...], batch: int, steps: int) -> Workload:
    return Workload("-".join(map(str, sizes)), sizes, batch, batch * steps)


WORKLOADS = (
    _of_steps((2, 8, 2), 1, 500),
    _of_steps((64, 64, 10), 32, 500),
    _of_steps((784, 128, 10), 64, 300),
    _of_steps((784, 512, 512, 10), 128, 120),
    _of_steps((1024, 2048, 2048, 1000), 512, 4),
    Workload("fashion-mnist", (784, 256, 128, 10), 128, 60_000, epochs=10),
)
GPU_WORKLOADS = (
    WORKLOADS[2],
    WORKLOADS[3],
    WORKLOADS[5],
    _of_steps((4096,) * 4, 4096, 4)._replace(name="4096-wide, 3 layers"),
    WORKLOADS[4],
    WORKLOADS[1],
    _of_steps((64, 64, 10), 32, 500)._replace(stack=128),
    WORKLOADS[0],
    _of_steps((8192,) * 3, 8192, 2)._replace(name="8192-wide, 2 layers"),
)
"""The most informative come first, because time may run out."""

DRY_WORKLOADS = (
    _of_steps((2, 8, 2), 4, 3),
    _of_steps((12, 16, 16, 5), 8, 3),
    _of_steps((6, 6, 3), 4, 2)._replace(stack=3),
)
"""Workloads for trying the GPU benchmark without a GPU."""

PREDICTION = _of_steps((784, 128, 10), 64, 1)
"""The network whose predictions are timed; its data only serve to construct it."""


def data(workload: Workload) -> tuple[Array, Array]:
    """Return inputs (rows, n_0) float32 in [0, 1) and labels (rows,) int64.

    Every class occurs, because scikit-learn has outputs only for classes in the data.
    """
    if workload.epochs:
        return _fashion_mnist("train")
    rng = np.random.default_rng(0)
    X = rng.random((workload.rows, workload.sizes[0]), dtype=np.float32)
    return X, rng.permutation(np.arange(workload.rows) % workload.sizes[-1])


def test_data(workload: Workload) -> tuple[Array, Array] | None:
    """Return the data that measure a whole run's accuracy; None if labels are random."""
    return _fashion_mnist("test") if workload.epochs else None


def _fashion_mnist(part: str) -> tuple[Array, Array]:
    """Return pixels / 255 and labels; dividing in float32 avoids a temporary copy in float64."""
    from xpnet.datasets import load_fashion_mnist

    images, labels = load_fashion_mnist(part)
    return np.divide(images, np.float32(255), dtype=np.float32), labels

"""The contenders of the benchmarks, a file a library; each runs in a process of its own.

What every class here offers is `Peer`. A module imports its library at its top, so that a library
that is absent is an ImportError of that module and of no other.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.workloads import Workload

__all__ = ["CONTENDERS", "GPU_CONTENDERS", "PREDICTORS", "VARIANTS", "Peer", "Place", "make"]

Array = np.ndarray[Any, Any]


class Peer(Protocol):
    """A network of one library, for one workload.

    Its constructor takes the workload and its data, on the host, and does all that is done once.
    What only predicts trains nothing; what only trains raises at `predict`.
    """

    packages: tuple[str, ...]
    """Distributions whose versions belong beside the figures."""

    def start(self, seed: int) -> None:
        """Fresh parameters, fresh optimizer."""

    def train(self, epochs: int) -> None:
        """Train from where it is; returns when everything has been computed."""

    def predict(self, X: Array) -> Array:
        """Probabilities (N, n_L) of X (N, n_0), or (n_L,) of one example, on the host."""

    def threads(self) -> int | None:
        """How many threads the library says it uses; None where it has no word for it."""


class Place(NamedTuple):
    """Where a contender is: a module of this package, and the class in it."""

    module: str
    class_name: str
    once: bool = False
    """Whether it is one call an epoch, and not one a step."""


CONTENDERS: dict[str, Place] = {
    "xpnet": Place("with_xpnet", "Xpnet"),
    "scikit-learn": Place("with_sklearn", "Sklearn"),
    "torch eager": Place("with_torch", "Eager"),
    "torch fused Adam": Place("with_torch", "Fused"),
    "torch.compile": Place("with_torch", "Compiled"),
    "JAX jit": Place("with_jax", "Jitted"),
    "JAX scan": Place("with_jax", "Scanned", once=True),
    "thinc": Place("with_thinc", "Thinc"),
    "products": Place("products", "NumpyProducts"),
    "products, torch": Place("products", "TorchProducts"),
}
"""What trains, and the matrix products alone."""

VARIANTS: dict[str, Place] = {"xpnet, plain": Place("with_xpnet", "Plain")}
"""Trains too; xpnet beside itself, and no contender of the tables."""

GPU_CONTENDERS: dict[str, Place] = {
    "xpnet": Place("on_gpu_xpnet", "Xpnet"),
    "torch eager": Place("on_gpu_torch", "Eager"),
    "torch fused Adam": Place("on_gpu_torch", "Fused"),
    "torch.compile": Place("on_gpu_torch", "Compiled"),
    "torch.compile, one graph": Place("on_gpu_torch", "Graphed"),
    "JAX jit": Place("on_gpu_jax", "Jitted"),
    "JAX scan": Place("on_gpu_jax", "Scanned", once=True),
    "products": Place("on_gpu_torch", "Products"),
}
"""On a GPU, with the data on it; each can also do its first steps in a known order."""

PREDICTORS: dict[str, Place] = {
    "xpnet": CONTENDERS["xpnet"],
    "NumPy by hand": Place("by_hand", "ByHand"),
    "scikit-learn": CONTENDERS["scikit-learn"],
    "torch": CONTENDERS["torch eager"],
    "JAX jit": CONTENDERS["JAX jit"],
    "onnxruntime": Place("with_onnxruntime", "OnnxRuntime"),
}


def make(place: Place, workload: Workload, X: Array, Y: Array) -> Peer:
    """Import the module and make the contender; an ImportError where its library is absent."""
    module = import_module(f"{__name__}.{place.module}")
    peer: Peer = getattr(module, place.class_name)(workload, X, Y)
    return peer

"""The contenders of the benchmarks, a file per library; each contender has its own process.

Every class here follows the protocol `Peer`. A module imports its library at its top. If the
library is absent, only that module raises an ImportError.
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

    The constructor takes the workload and its data on the host, and does all work that is done
    once. `train` does nothing in a contender that only predicts. `predict` raises if there is no
    network.
    """

    packages: tuple[str, ...]
    """The distributions whose versions are reported with the figures."""

    def start(self, seed: int) -> None:
        """Begin with new parameters and a new optimizer."""

    def train(self, epochs: int) -> None:
        """Train on from the current state; return when everything has been computed."""

    def predict(self, X: Array) -> Array:
        """Return probabilities (N, n_L) of X (N, n_0), or (n_L,) of one example, on the host."""

    def threads(self) -> int | None:
        """Return the number of threads that the library reports; None if it reports none."""


class Place(NamedTuple):
    """The place of a contender: a module of this package, and the class in it."""

    module: str
    class_name: str
    once: bool = False
    """Whether it is called once per epoch instead of once per step."""


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
"""The libraries that train, and the matrix products alone."""

VARIANTS: dict[str, Place] = {"xpnet, plain": Place("with_xpnet", "Plain")}
"""Other ways to train with xpnet, which are not in the tables."""

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
"""The contenders on a GPU, with data on it; all but the products can do first steps in order."""

PREDICTORS: dict[str, Place] = {
    "xpnet": CONTENDERS["xpnet"],
    "NumPy by hand": Place("by_hand", "ByHand"),
    "scikit-learn": CONTENDERS["scikit-learn"],
    "torch": CONTENDERS["torch eager"],
    "JAX jit": CONTENDERS["JAX jit"],
    "onnxruntime": Place("with_onnxruntime", "OnnxRuntime"),
}


def make(place: Place, workload: Workload, X: Array, Y: Array) -> Peer:
    """Import the module and make the contender; raise ImportError if its library is absent."""
    module = import_module(f"{__name__}.{place.module}")
    peer: Peer = getattr(module, place.class_name)(workload, X, Y)
    return peer

"""Where data stay, and how many examples a pass may take, by the device's free memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpnet import checks
from xpnet.backends import Backend, get_backend
from xpnet.backends.base import library_of
from xpnet.equations.parameters import Layers, slots

__all__ = ["home", "rows_that_fit"]

_SHARE = 0.5  # of the free memory: what data, or the arrays of one pass, may take


def home(backend: Backend, X: Any, dtype: str, stream: bool | None = None) -> Backend:
    """Where data stay: the network's backend, or NumPy's where batches are to be brought from.

    ``stream`` None asks whether X would take too much of the device's free memory.
    """
    if stream is False or (stream is None and backend.free_memory() is None):
        return backend
    X = checks.as_array("X", X)
    if backend.owns(X) or not _is_on_host(X):
        return backend
    free = backend.free_memory()
    size = math.prod(X.shape) * np.dtype(dtype).itemsize
    if stream or (free is not None and size > _SHARE * free):
        return get_backend("numpy")
    return backend


def _is_on_host(x: Any) -> bool:
    """Whether an array of another library than the network's lies in host memory."""
    library = library_of(x)
    if library == "torch":
        return str(x.device) == "cpu"
    if library in ("jax", "jaxlib"):
        return all(device.platform == "cpu" for device in x.devices())
    return library not in ("cupy", "array_api_strict")


def rows_that_fit(backend: Backend, layers: Layers, dtype: str, n_networks: int = 1) -> int | None:
    """How many examples one pass may take by the free memory; None where that is not watched.

    A pass keeps each layer's input, Z and A, and makes about as much again on the way.
    """
    free = backend.free_memory()
    if free is None:
        return None
    widths = layers[0].fan_in + sum(max(slot.shape) for slot in slots(layers))
    return max(1, int(_SHARE * free / (3 * widths * n_networks * np.dtype(dtype).itemsize)))

"""Decide by the device's free memory where data stay and how many examples a pass may take."""

from __future__ import annotations

import math

import numpy as np

from xpnet import checks
from xpnet.backends import Backend, get_backend, is_on_host
from xpnet.equations.parameters import Layers, slots
from xpnet.typing import Array

__all__ = ["home", "rows_that_fit"]

_SHARE = 0.5  # share of the free memory for the data, or for the arrays of one pass


def home(backend: Backend, X: Array, dtype: str, stream: bool | None = None) -> Backend:
    """Return the backend that holds the data: the network's, or NumPy's if batches are streamed.

    If ``stream`` is None, batches are streamed if X would take too much of the device's free
    memory.
    """
    if stream is False or (stream is None and backend.free_memory() is None):
        return backend
    X = checks.as_array("X", X)
    if backend.owns(X) or not is_on_host(X):
        return backend
    free = backend.free_memory()
    size = math.prod(X.shape) * np.dtype(dtype).itemsize
    if stream or (free is not None and size > _SHARE * free):
        return get_backend("numpy")
    return backend


def rows_that_fit(backend: Backend, layers: Layers, dtype: str, n_networks: int = 1) -> int | None:
    """Return how many examples fit into one pass; None if the backend does not report free memory.

    A pass keeps each layer's input, Z and A, and its temporary arrays take about as much again.
    """
    free = backend.free_memory()
    if free is None:
        return None
    widths = layers[0].fan_in + sum(max(slot.shape) for slot in slots(layers))
    return max(1, int(_SHARE * free / (3 * widths * n_networks * np.dtype(dtype).itemsize)))

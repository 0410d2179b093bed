"""Check what derivatives take besides X and Y: cotangents, tangents, vectors like θ; and memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpnet.backends import Backend, move
from xpnet.backends.tracked import refuse_tracked
from xpnet.checks.arrays import real, turned
from xpnet.equations.parameters import machine_memory
from xpnet.typing import ArrayLike

__all__ = ["check_memory", "direction", "directions"]


def direction(backend: Backend, name: str, x: ArrayLike, shape: tuple[int, ...], dtype: str) -> Any:
    """Return x, checked to be of that shape, on the device in ``dtype``.

    Raises
    ------
    ValueError, TypeError
        A different shape, no real numbers, or an array of the backend's library on another device.
    """
    x = _here(backend, name, x)
    found = tuple(x.shape)
    if found != shape:
        raise ValueError(f"{name} must be {shape}, got {found}{turned(name, found, shape)}")
    return move(backend, x, dtype)


def directions(
    backend: Backend,
    name: str,
    x: ArrayLike,
    P: int,
    dtype: str,
    like: str = "net.parameters",
    rows: bool = False,
) -> Any:
    """Return x, checked to be (P,) or (K, P), on the device in ``dtype``; errors as above.

    With ``rows``, (P,) is returned as (1, P).
    """
    x = _here(backend, name, x)
    found = tuple(x.shape)
    if len(found) not in (1, 2) or found[-1] != P or 0 in found:
        hint = turned(name, found, (P,)) or turned(name, found, (*found[1:], P))
        raise ValueError(
            f"{name} must be ({P},), like {like}, or (K, {P}) for K vectors, got {found}{hint}"
        )
    x = move(backend, x, dtype)
    return x[None, :] if rows and x.ndim == 1 else x


def _here(backend: Backend, name: str, x: ArrayLike) -> Any:
    """X as an array of real numbers, not on another device of the backend's library."""
    refuse_tracked(x, name)
    x = real(name, x)
    if backend.owns(x) and not backend.is_here(x):
        raise ValueError(
            f"{name} is on the device {x.device}, but the network on {backend.device}: move it "
            f"with xpnet.asarray({name}, {backend.name!r}, device=net.device)"
        )
    return x


def check_memory(backend: Backend, what: str, shape: tuple[int, ...], dtype: str) -> None:
    """Check that an array of that shape fits into the device's free, or the host's, memory.

    Raises
    ------
    MemoryError
        It does not; the message says how large it would be.
    """
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    free = backend.free_memory() or machine_memory()
    if free is not None and needed > free:
        raise MemoryError(
            f"{what} {shape} would take {needed / 1e9:.4g} GB of memory, but there are "
            f"{free / 1e9:.4g}: give fewer examples, or use products with it (jvp, vjp, hvp)"
        )

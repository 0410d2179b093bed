"""Sums and means over examples, to within 4 eps of the dtype.

A running sum of N numbers is off by up to N/2 eps, and NumPy uses running sums along every axis but
the last. Here float32 is added in float64 if the device has it, and everything else in pairs:

    x_1 + … + x_8  →  ((x_1 + x_5) + (x_3 + x_7)) + ((x_2 + x_6) + (x_4 + x_8))

This repeats, so that each number goes through log₂ N additions. Rows of float32 are added in pairs
three times before they become float64: on NumPy that is as fast as a running sum in float32.

Recorded steps (`xpnet.engines.graph`) leave their sums to the compiled programs, which keep the
same bound.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from xpnet.typing import Array, Namespace

__all__ = ["cumulative", "float64_of", "mean", "of_squares", "total"]

_ALL = 64  # number of rounds: more than any length needs
_LONG = 4096  # length of a row from which adding in pairs first is faster
_CASCADE = 512  # length up to which torch's sum is within 2 eps
_BLOCK = 256  # length of the blocks that BLAS adds up in its own order
_STEP = 16  # length of the blocks of a cumulative sum added one by one


def float64_of(xp: Namespace, x: Array) -> Any | None:
    """The namespace's float64; None if the device of x has none, or JAX's 64-bit mode is off."""
    if xp is np:
        return np.dtype(np.float64)
    about = getattr(xp, "__array_namespace_info__", None)
    if about is None:
        return xp.float64
    library = _library(xp)
    if library == "torch":
        return _torch_float64(xp, x.device.type)
    device = None if library == "jax" else getattr(x, "device", None)
    return about().dtypes(device=device, kind="real floating").get("float64")


@cache
def _torch_float64(xp: Namespace, device: str) -> Any | None:
    """The same, cached: array-api-compat makes an array of each dtype to find out."""
    about = xp.__array_namespace_info__()
    return about.dtypes(device=device, kind="real floating").get("float64")


def total(xp: Namespace, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    """Σ x along axis −1 or −2: in float64 if the device has it, else in the dtype of x."""
    if xp is np and axis == -1 and x.shape[-1] < _LONG:  # fast path for a step's losses
        return _add(xp)(x, axis=-1, keepdims=keepdims, dtype=np.float64)
    if _are_exact(xp):
        return xp.sum(x, axis=axis, keepdims=keepdims)
    wide = float64_of(xp, x)
    if wide is not None and x.dtype != wide:
        rounds = 1 if axis == -2 or x.shape[-1] >= _LONG else 0
        return _adder(xp)(xp, x, axis, keepdims, wide, rounds)
    rounds = 0 if _adds_in_pairs(xp, axis, x.shape[axis]) else _ALL
    return _adder(xp)(xp, x, axis, keepdims, x.dtype, rounds)


def _are_exact(xp: Namespace) -> bool:
    """Whether sums are left to programs; NumPy is tested first, as its failed getattr is slow."""
    return xp is not np and getattr(xp, "exact_sums", False)


def mean(xp: Namespace, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    """The mean along axis −1 or −2, in the dtype of x."""
    if _are_exact(xp):
        return xp.mean(x, axis=axis, keepdims=keepdims)
    return xp.astype(total(xp, x, axis, keepdims) / x.shape[axis], x.dtype)


def of_squares(xp: Namespace, x: Array, keepdims: bool = False) -> Array:
    """Σ x² along the last axis, with the dtype and accuracy of `total`."""
    if _are_exact(xp):
        return xp.sum(x * x, axis=-1, keepdims=keepdims)
    whole = x.shape[-1] // _BLOCK * _BLOCK
    if xp is not np or not whole:
        return total(xp, x * x, -1, keepdims)
    blocks = np.reshape(x[..., :whole], (*x.shape[:-1], -1, _BLOCK))
    found = total(np, np.vecdot(blocks, blocks), -1, keepdims)
    rest = x[..., whole:]
    return found + total(np, rest * rest, -1, keepdims)


def cumulative(xp: Namespace, x: Array) -> Array:
    """x_1, x_1 + x_2, … of (N,): blocks of 16, each added to the sum of all before it."""
    n = x.shape[0]
    if n <= _STEP:
        return xp.cumulative_sum(x)
    x = xp.concat([x, xp.zeros_like(x[: -n % _STEP])])
    blocks = xp.cumulative_sum(xp.reshape(x, (-1, _STEP)), axis=-1)
    before = cumulative(xp, blocks[:, -1])[:-1]
    before = xp.concat([xp.zeros_like(before[:1]), before])
    return xp.reshape(blocks + before[:, None], (-1,))[:n]


def _adds_in_pairs(xp: Namespace, axis: int, n: int) -> bool:
    """Whether the library's own sum of n numbers is accurate enough."""
    return axis == -1 if xp is np else _library(xp) == "torch" and n <= _CASCADE


def _in_pairs(xp: Namespace, x: Array, axis: int, keepdims: bool, dtype: Any, rounds: int) -> Array:
    """Σ x in that dtype, after at most ``rounds`` rounds that add eight numbers to one."""
    left: list[Any] = []  # sums of the entries left over by a division into eighths
    while rounds and x.shape[axis] > 8:
        k = x.shape[axis] // 8
        if x.shape[axis] > 8 * k:
            over = _part(x, axis, 8 * k, None)
            left.append(xp.sum(over, axis=axis, keepdims=keepdims, dtype=dtype))
        for h in (4 * k, 2 * k, k):
            x = _part(x, axis, 0, h) + _part(x, axis, h, 2 * h)
        rounds -= 1
    found = _add(xp)(x, axis=axis, keepdims=keepdims, dtype=dtype)
    for each in reversed(left):
        found = found + each
    return found


def _part(x: Array, axis: int, start: int, stop: int | None) -> Array:
    return x[..., start:stop] if axis == -1 else x[..., start:stop, :]


def _add(xp: Namespace) -> Callable[..., Any]:
    """The library's sum; for NumPy add.reduce, as np.sum's overhead equals a small sum."""
    return np.add.reduce if xp is np else xp.sum


def _adder(xp: Namespace) -> Callable[..., Any]:
    return _jitted() if _library(xp) == "jax" else _in_pairs


@cache
def _jitted() -> Callable[..., Any]:
    """`_in_pairs` compiled once per shape; otherwise JAX would compile each addition."""
    import jax

    compiled: Callable[..., Any] = jax.jit(_in_pairs, static_argnums=(0, 2, 3, 4, 5))
    return compiled


def _library(xp: Namespace) -> str:
    """The last part of the namespace's name, or "jax"."""
    name = str(getattr(xp, "__name__", ""))
    return "jax" if name.startswith("jax") else name.rpartition(".")[2]

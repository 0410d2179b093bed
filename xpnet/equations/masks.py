"""Random bits addressed by (key, layer, example, unit): the same on every backend.

The bits are a hash: Chris Wellons' "lowbias32" (2018) of 32-bit integers with wrapping products. It
runs in int32, which every array library has; an & makes each right shift a logical one. So
dropout masks need no state and do not depend on an example's batch. They are the same after a
resume and for any number of workers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.backends.base import Backend
from xpnet.equations.parameters import Layers, flatten
from xpnet.equations.protocol import Context, draws
from xpnet.equations.streams import MASKS, words
from xpnet.typing import Array, Host, Namespace

__all__ = ["bits", "context", "keep", "key_of", "least_kept", "needs_masks"]

_GOLDEN = -1640531535  # 0x9E3779B1, 2³² / the golden ratio: spreads small numbers
_ODD_1, _ODD_2 = 0x7FEB352D, -2073254261  # 0x846CA68B


def key_of(seed: int, epoch: int) -> Host:
    """The key (1,) int32 of an epoch."""
    word = words(seed, MASKS, (epoch,), 1) >> np.uint64(32)
    return word.astype(np.uint32).view(np.int32)


def context(
    backend: Backend, layers: Layers, seed: int, epoch: int, n: int, training: bool
) -> Context:
    """The context of a pass over n examples in that epoch, numbered 0 … n − 1 in their order."""
    if not (training and needs_masks(layers)):
        return Context(training)
    rows = backend.xp.arange(n, dtype=backend.xp.int32, device=backend.device)
    return Context(True, backend.from_numpy(key_of(seed, epoch)), rows)


def needs_masks(layers: Layers) -> bool:
    """Whether any of the layers draws masks."""
    return any(map(draws, flatten(layers)))


def _mix(x: Array) -> Array:
    """Hash x (int32): each bit of the result depends on every bit of x."""
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * _ODD_1
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * _ODD_2
    return x ^ ((x >> 16) & 0xFFFF)


def keep(xp: Namespace, key: Any, layer: int, rows: Array, units: int, rate: float) -> Array:
    """True where a unit of an example is kept, with probability 1 − rate; (..., N, units).

    Parameters
    ----------
    key, layer, rows, units
        As for `bits`.
    rate : float
        In [0, 1).
    """
    return bits(xp, key, layer, rows, units) >= least_kept(rate)


def bits(xp: Namespace, key: Any, layer: int, rows: Array, units: int) -> Array:
    """31 random bits for each unit of each example, (..., N, units) int32.

    Parameters
    ----------
    key : (..., 1) int32
    layer : int
        The layer's number.
    rows : (..., N) integers
        The number of each example in the data set.
    """
    columns = xp.arange(units, dtype=xp.int32, device=getattr(rows, "device", None))
    row_key = _mix(xp.astype(rows, xp.int32) ^ _mix(key + (layer + 1) * 7919))
    return _mix(row_key[..., None] ^ (columns * _GOLDEN)) & 0x7FFFFFFF


def least_kept(rate: float) -> int:
    """The smallest 31 bits of a unit that is kept."""
    return min(round(rate * 2**31), 2**31 - 1)

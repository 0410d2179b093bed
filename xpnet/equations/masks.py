"""Random bits addressed by (key, layer, example, unit): the same on every backend.

A hash of 32-bit integers with wrapping products, Chris Wellons' "lowbias32" (2018), in int32, which
every array library has; a right shift of a negative number is masked to what a logical shift gives.
So a mask needs no state, does not depend on the batch that an example is in, and is the same after
a resume and for any number of workers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.backends.base import Backend
from xpnet.equations.parameters import Layers, flatten
from xpnet.equations.protocol import Context
from xpnet.equations.streams import MASKS, words

__all__ = ["context", "keep", "key_of", "needs_masks"]

_GOLDEN = -1640531535  # 0x9E3779B1, 2³² / the golden ratio: spreads small numbers
_ODD_1, _ODD_2 = 0x7FEB352D, -2073254261  # 0x846CA68B


def key_of(seed: int, epoch: int) -> np.ndarray[Any, Any]:
    """The key (1,) int32 of an epoch."""
    word = words(seed, MASKS, (epoch,), 1) >> np.uint64(32)
    return word.astype(np.uint32).view(np.int32)


def context(
    backend: Backend, layers: Layers, seed: int, epoch: int, n: int, training: bool
) -> Context:
    """What a pass over n examples of that epoch knows, numbered as they stand."""
    if not (training and needs_masks(layers)):
        return Context(training)
    rows = backend.xp.arange(n, dtype=backend.xp.int32, device=backend.device)
    return Context(True, backend.from_numpy(key_of(seed, epoch)), rows)


def needs_masks(layers: Layers) -> bool:
    """Whether a layer draws masks."""
    return any(layer.kind == "dropout" for layer in flatten(layers))


def _mix(x: Any) -> Any:
    """Each bit of the result depends on every bit of x (int32)."""
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * _ODD_1
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * _ODD_2
    return x ^ ((x >> 16) & 0xFFFF)


def keep(xp: Any, key: Any, layer: int, rows: Any, units: int, rate: float) -> Any:
    """True where a unit of an example is kept, (N, units): with probability 1 − rate.

    Parameters
    ----------
    key : (1,) int32
    layer : int
        The layer's number.
    rows : (N,) integers
        The number of each example in the data set.
    """
    columns = xp.arange(units, dtype=xp.int32, device=getattr(rows, "device", None))
    row_key = _mix(xp.astype(rows, xp.int32) ^ _mix(key + (layer + 1) * 7919))
    bits = _mix(row_key[:, None] ^ (columns * _GOLDEN)) & 0x7FFFFFFF  # (N, units), 31 bits
    return bits >= min(round(rate * 2**31), 2**31 - 1)

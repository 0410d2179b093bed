"""Pass over a data set in pieces, so that the arrays of one pass fit into memory.

The data stay where they are, on the device or in host memory. Each piece is a view of some rows; if
it is in host memory, it is copied to the device when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xpnet.backends import Backend, move
from xpnet.typing import Array

__all__ = ["pieces"]


def pieces(backend: Backend, size: int, X: Array, *others: Array | None) -> Iterator[list[Any]]:
    """Yield the same rows of every array, on the device, at most ``size`` at a time.

    The pieces are consecutive and cover all rows; the last one may be smaller. None stays None.
    """
    N = X.shape[0]
    for start in range(0, N, size):
        part = slice(start, min(start + size, N))
        yield [None if x is None else move(backend, x[part, ...]) for x in (X, *others)]

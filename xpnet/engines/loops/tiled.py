"""Products of small matrices on one thread, tile by tile.

A BLAS copies both factors into the order in which its innermost loop reads them. That pays for
large ones; what is in a core's cache can be read where it lies. Only where B is to be transposed,
as much of it as a tile needs is copied.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from xpnet.engines.loops.options import OPTIONS
from xpnet.engines.loops.tiles import ROWS, VECTOR, stay_in_registers, tile

__all__ = ["tiled_product"]

_NEAR = 2_500_000  # bytes of A, B and C together up to which they are in a cache
_WASTE = 1.3  # of what is computed to what is wanted, where tiles overlap


def tiled_product(kind: Any, turn: Any) -> tuple[Any, Any]:
    """The function fits(m, n, k, room), and one with the arguments of `products` beside it.

    In the place of arrays it takes addresses. turn(rows, k, b, ldb, room) transposes so many rows.
    """
    bytes, has = np.dtype(kind).itemsize, stay_in_registers()
    one, two = VECTOR // bytes, 2 * VECTOR // bytes
    wide, narrow = tile(bytes, 2), tile(bytes, 1)

    @numba.njit(**OPTIONS)
    def fits(m, n, k, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """Whether tiles cover C without much waste, and the matrices stay in a cache.

        k has a limit for the room's sake, and also where nothing is to be transposed: a longer sum
        leaves the cache too.
        """
        if not has or m < ROWS or n < one or k < 1 or k * two > room.size:
            return False
        covered = (m + ROWS - 1) // ROWS * ROWS * ((n + one - 1) // one * one)
        return covered <= _WASTE * (m * n) and bytes * (m * k + k * n + m * n) <= _NEAR

    @numba.njit(**OPTIONS)
    def product(m, n, k, flip_a, a, lda, flip_b, b, ldb, c, ldc, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """The last tiles begin earlier, where they would stick out, and compute some twice."""
        a_row, a_next = bytes * lda, np.int64(bytes)
        if flip_a:
            a_row, a_next = a_next, a_row
        done = np.int64(0)
        while done < n:
            width = two if n - done > one and n >= two else one
            j = min(done, n - width)
            done += width
            right, b_next = b + bytes * j, bytes * ldb
            if flip_b:
                turn(width, k, b + b_next * j, ldb, room)
                right, b_next = np.int64(room.ctypes.data), bytes * width
            for above in range(0, m, ROWS):
                i = min(above, m - ROWS)
                left, place = a + a_row * i, c + bytes * (i * ldc + j)
                if width == two:
                    wide(k, left, a_row, a_next, right, b_next, place, bytes * ldc)
                else:
                    narrow(k, left, a_row, a_next, right, b_next, place, bytes * ldc)

    return fits, product

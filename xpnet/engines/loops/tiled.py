"""Products of small matrices on one thread, tile by tile.

A BLAS copies both factors into the order in which its innermost loop reads them. That is worthwhile
for large matrices; matrices in a core's cache can be read in place. Only if B is to be transposed,
the part of it that a tile needs is copied.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from xpnet.engines.loops.options import OPTIONS
from xpnet.engines.loops.tiles import ROWS, VECTOR, stay_in_registers, tile

__all__ = ["tiled_product"]

_NEAR = 2_500_000  # most bytes of A, B and C together that stay in a cache
_WASTE = 1.3  # largest ratio of computed to wanted numbers, as tiles overlap


def tiled_product(kind: Any, turn: Any) -> tuple[Any, Any]:
    """Return the functions fits(m, n, k, room) and product, for numbers of a dtype ``kind``.

    product has the arguments of those in `xpnet.engines.loops.products`, but takes addresses in
    place of arrays. turn(rows, k, b, ldb, room) transposes that many rows of B into ``room``.
    """
    bytes, has = np.dtype(kind).itemsize, stay_in_registers()
    one, two = VECTOR // bytes, 2 * VECTOR // bytes
    wide, narrow = tile(bytes, 2), tile(bytes, 1)

    @numba.njit(**OPTIONS)
    def fits(m, n, k, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """Whether tiles cover C without much waste, and the matrices stay in a cache.

        k is limited by the size of ``room``. The limit also holds if nothing is to be transposed,
        because the factors of a longer sum leave the cache too.
        """
        if not has or m < ROWS or n < one or k < 1 or k * two > room.size:
            return False
        covered = (m + ROWS - 1) // ROWS * ROWS * ((n + one - 1) // one * one)
        return covered <= _WASTE * (m * n) and bytes * (m * k + k * n + m * n) <= _NEAR

    @numba.njit(**OPTIONS)
    def product(m, n, k, flip_a, a, lda, flip_b, b, ldb, c, ldc, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """Compute C tile by tile; tiles that would stick out begin earlier, and overlap others."""
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

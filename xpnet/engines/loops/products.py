"""Matrix products that a program calls: our own code for small ones, NumPy's OpenBLAS for others.

    sgemm(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room)

computes C (m, n) = op(A) (m, k) op(B) (k, n). Neighbouring rows lie lda, ldb and ldc numbers apart;
op transposes a matrix whose flip is true. sgemm_columns and sgemm_rows compute a thread's share of
C. ``room`` holds a part of B. `xpnet.engines.loops.tiled` decides which products are small: none if
``room`` is empty. tests/support/plain_runtime.py has the same functions without numba.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from xpnet.backends.openblas import bundled
from xpnet.engines.loops.barrier import share
from xpnet.engines.loops.options import OPTIONS
from xpnet.engines.loops.tiled import tiled_product

__all__ = ["dgemm", "dgemm_columns", "dgemm_rows", "sgemm", "sgemm_columns", "sgemm_rows"]

_ROWS, _PLAIN, _TRANSPOSED = 101, 111, 112  # codes of CBLAS
_FEW = 16  # columns or rows per thread; with fewer, the longer axis is divided


def _function(name: str, kind: Any) -> Any:
    import llvmlite.binding

    found = bundled()
    if found is None or not found.has(f"cblas_{name}"):  # unresolved, it would crash the process
        raise ImportError(
            "compiled steps call the OpenBLAS that comes with NumPy, and this NumPy has none"
        )
    llvmlite.binding.load_library_permanently(found.path)
    integer = types.int64 if found.wide else types.int32
    matrix = types.uintp, integer
    arguments = {
        "gemm": (*[types.int32] * 3, *[integer] * 3, kind, *matrix, *matrix, kind, *matrix),
        "omatcopy": (*[types.int32] * 2, *[integer] * 2, kind, *matrix, *matrix),
    }[name[1:]]
    return types.ExternalFunction(found.symbol(f"cblas_{name}"), types.void(*arguments))


def _product(letter: str, kind: Any) -> Any:
    cblas = _function(f"{letter}gemm", numba.from_dtype(np.dtype(kind)))
    copy = _function(f"{letter}omatcopy", numba.from_dtype(np.dtype(kind)))
    one, zero, bytes = kind(1.0), kind(0.0), np.dtype(kind).itemsize

    @numba.njit(**OPTIONS)
    def turn(rows, columns, b, ldb, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        copy(_ROWS, _TRANSPOSED, rows, columns, one, b, ldb, room.ctypes.data, rows)

    fits, tiled = tiled_product(kind, turn)

    @numba.njit(**OPTIONS)
    def gemm(m, n, k, flip_a, A, a, lda, flip_b, B, b, ldb, C, c, ldc, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """Multiply matrices that begin at the numbers a, b and c of the arrays A, B and C."""
        left = np.int64(A.ctypes.data) + bytes * a  # numba adds uintp and int64 in float64
        right = np.int64(B.ctypes.data) + bytes * b
        place = np.int64(C.ctypes.data) + bytes * c
        if fits(m, n, k, room):
            tiled(m, n, k, flip_a, left, lda, flip_b, right, ldb, place, ldc, room)
            return
        cblas(
            _ROWS, _TRANSPOSED if flip_a else _PLAIN, _TRANSPOSED if flip_b else _PLAIN, m, n, k,
            one, left, lda, right, ldb, zero, place, ldc,
        )  # fmt: skip

    return gemm


def _products(gemm: Any) -> tuple[Any, Any, Any]:
    """Return the product on one thread, and the products of a thread's columns or rows."""

    @numba.njit(**OPTIONS)
    def whole(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        gemm(m, n, k, flip_a, A, 0, lda, flip_b, B, 0, ldb, C, 0, ldc, room)

    @numba.njit(**OPTIONS)
    def own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        first, stop = share(n, rank, threads)
        j, count = np.int64(first), np.int64(stop - first)
        if count > 0:
            b = j * ldb if flip_b else j
            gemm(m, count, k, flip_a, A, 0, lda, flip_b, B, b, ldb, C, j, ldc, room)

    @numba.njit(**OPTIONS)
    def own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        first, stop = share(m, rank, threads)
        i, count = np.int64(first), np.int64(stop - first)
        if count > 0:
            a = i if flip_a else i * lda
            gemm(count, n, k, flip_a, A, a, lda, flip_b, B, 0, ldb, C, i * ldc, ldc, room)

    @numba.njit(**OPTIONS)
    def columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        if n < m and n < _FEW * threads:
            own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads)
        else:
            own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads)

    @numba.njit(**OPTIONS)
    def rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        if m < n and m < _FEW * threads:
            own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads)
        else:
            own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads)

    return whole, columns, rows


sgemm, sgemm_columns, sgemm_rows = _products(_product("s", np.float32))
dgemm, dgemm_columns, dgemm_rows = _products(_product("d", np.float64))

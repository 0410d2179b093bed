"""Matrix products that a program calls: NumPy's OpenBLAS, without NumPy.

    sgemm(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned)

is C (m, n) = op(A) (m, k) op(B) (k, n), where rows lie lda, ldb and ldc apart and op transposes
what is to be flipped; sgemm_columns and sgemm_rows do a thread's share of it.
tests/plain_runtime.py has the same functions without numba.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from xpnet.fused.barrier import share
from xpnet.fused.options import OPTIONS
from xpnet.openblas import bundled

__all__ = ["dgemm", "dgemm_columns", "dgemm_rows", "sgemm", "sgemm_columns", "sgemm_rows"]

_ROWS, _PLAIN, _TRANSPOSED = 101, 111, 112  # CBLAS's names of them
_FEW = 16  # columns or rows a thread, under which the other axis is divided
_TURNS = 16  # rows and columns of C from which on B is turned
_DIRECT = 1200  # numbers of C up to which OpenBLAS takes the factors as they lie, and is faster


def _function(name: str, kind: Any) -> Any:
    import llvmlite.binding

    found = bundled()
    if found is None or not found.has(f"cblas_{name}"):  # unresolved, it ends the process
        raise ImportError("NumPy has no OpenBLAS of its own here, which compiled steps call")
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
    def gemm(m, n, k, flip_a, A, a, lda, flip_b, B, b, ldb, C, c, ldc, turned):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """The matrices begin a, b and c numbers behind the start of the arrays.

        What is to be flipped on the right is copied into ``turned`` first, if there is room: see
        `xpnet.openblas.OpenBLAS.packs_slowly`.
        """
        left, right, ldr = A.ctypes.data + bytes * a, B.ctypes.data + bytes * b, ldb
        flip = _TRANSPOSED if flip_b else _PLAIN
        large = m >= _TURNS and n >= _TURNS and m * n > _DIRECT
        if flip_b and large and n * k <= turned.size:
            copied = np.int64(turned.ctypes.data)  # ``right`` is one too: uintp would make it float
            copy(_ROWS, _TRANSPOSED, n, k, one, right, ldb, copied, n)
            flip, right, ldr = _PLAIN, copied, n
        cblas(
            _ROWS, _TRANSPOSED if flip_a else _PLAIN, flip, m, n, k,
            one, left, lda, right, ldr, zero, C.ctypes.data + bytes * c, ldc,
        )  # fmt: skip

    return gemm


def _products(gemm: Any) -> tuple[Any, Any, Any]:
    """The product of one thread, and those of which every thread does its columns or rows."""

    @numba.njit(**OPTIONS)
    def whole(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        gemm(m, n, k, flip_a, A, 0, lda, flip_b, B, 0, ldb, C, 0, ldc, turned)

    @numba.njit(**OPTIONS)
    def own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        first, stop = share(n, rank, threads)
        j, count = np.int64(first), np.int64(stop - first)
        if count > 0:
            b = j * ldb if flip_b else j
            gemm(m, count, k, flip_a, A, 0, lda, flip_b, B, b, ldb, C, j, ldc, turned)

    @numba.njit(**OPTIONS)
    def own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        first, stop = share(m, rank, threads)
        i, count = np.int64(first), np.int64(stop - first)
        if count > 0:
            a = i if flip_a else i * lda
            gemm(count, n, k, flip_a, A, a, lda, flip_b, B, 0, ldb, C, i * ldc, ldc, turned)

    @numba.njit(**OPTIONS)
    def columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        if n < m and n < _FEW * threads:
            own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads)
        else:
            own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads)

    @numba.njit(**OPTIONS)
    def rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        if m < n and m < _FEW * threads:
            own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads)
        else:
            own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, turned, rank, threads)

    return whole, columns, rows


sgemm, sgemm_columns, sgemm_rows = _products(_product("s", np.float32))
dgemm, dgemm_columns, dgemm_rows = _products(_product("d", np.float64))

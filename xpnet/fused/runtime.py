"""What the source of a program calls: numba's compiler, BLAS, and functions of one number.

tests/plain_runtime.py has the same names without numba, for running a source as plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types

from xpnet.fused.barrier import meet, share
from xpnet.fused.functions import functions
from xpnet.openblas import bundled

__all__ = [
    "bool_", "compiled", "cos", "dgemm", "dgemm_columns", "dgemm_rows", "empty", "exp_f32",
    "exp_f64", "expm1_f32", "expm1_f64", "f32", "f64", "float32", "float64", "floor", "i32", "i64",
    "inf", "int32", "int64", "log", "log1p_f32", "log1p_f64", "meet", "nan", "sgemm",
    "sgemm_columns", "sgemm_rows", "share", "sin", "sqrt", "tanh_f32", "tanh_f64",
]  # fmt: skip

f32 = float32 = np.float32
f64 = float64 = np.float64
i32 = int32 = np.int32
i64 = int64 = np.int64
bool_ = np.bool_
inf, nan = np.inf, np.nan
empty = np.empty
cos, floor, log, sin, sqrt = np.cos, np.floor, np.log, np.sin, np.sqrt

_F32, _F64 = functions("f32"), functions("f64")
exp_f32, expm1_f32, tanh_f32, log1p_f32 = (_F32[n] for n in ("exp", "expm1", "tanh", "log1p"))
exp_f64, expm1_f64, tanh_f64, log1p_f64 = (_F64[n] for n in ("exp", "expm1", "tanh", "log1p"))

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",  # a check for division by zero keeps loops from being vectorised
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},  # not nnan, ninf: NaN and infinity show
}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` compiled by numba, and kept on disk beside its source."""
    made: Callable[..., Any] = numba.njit(cache=True, **OPTIONS)(function)
    return made


def _gemm(name: str, kind: Any) -> Any:
    import llvmlite.binding

    found = bundled()
    if found is None:
        raise ImportError("NumPy has no OpenBLAS of its own here, which compiled steps call")
    llvmlite.binding.load_library_permanently(found.path)
    integer = types.int64 if found.wide else types.int32
    signature = types.void(
        *[types.int32] * 3, *[integer] * 3, kind, types.uintp, integer, types.uintp, integer,
        kind, types.uintp, integer,
    )  # fmt: skip
    return types.ExternalFunction(found.symbol(f"cblas_{name}"), signature)


_cblas_sgemm, _cblas_dgemm = _gemm("sgemm", types.float32), _gemm("dgemm", types.float64)
_ROWS, _PLAIN, _TRANSPOSED = 101, 111, 112  # CBLAS's names of them


def _product(cblas: Any, kind: Any, bytes: int) -> Any:
    one, zero = kind(1.0), kind(0.0)

    @numba.njit(**OPTIONS)
    def gemm(m, n, k, flip_a, A, a, lda, flip_b, B, b, ldb, C, c, ldc):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """C (m, n) = op(A) (m, k) op(B) (k, n), whose rows lie lda, ldb and ldc apart.

        The matrices begin a, b and c numbers behind the start of the arrays.
        """
        cblas(
            _ROWS, _TRANSPOSED if flip_a else _PLAIN, _TRANSPOSED if flip_b else _PLAIN, m, n, k,
            one, A.ctypes.data + bytes * a, lda, B.ctypes.data + bytes * b, ldb,
            zero, C.ctypes.data + bytes * c, ldc,
        )  # fmt: skip

    return gemm


def _products(gemm: Any) -> tuple[Any, Any, Any]:
    """The product of one thread, and those of which every thread does its columns or rows."""

    @numba.njit(**OPTIONS)
    def whole(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        gemm(m, n, k, flip_a, A, 0, lda, flip_b, B, 0, ldb, C, 0, ldc)

    @numba.njit(**OPTIONS)
    def own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        first, stop = share(n, rank, threads)
        j, count = i64(first), i64(stop - first)
        if count > 0:
            b = j * ldb if flip_b else j
            gemm(m, count, k, flip_a, A, 0, lda, flip_b, B, b, ldb, C, j, ldc)

    @numba.njit(**OPTIONS)
    def own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        first, stop = share(m, rank, threads)
        i, count = i64(first), i64(stop - first)
        if count > 0:
            a = i if flip_a else i * lda
            gemm(count, n, k, flip_a, A, a, lda, flip_b, B, 0, ldb, C, i * ldc, ldc)

    @numba.njit(**OPTIONS)
    def columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        if n < m and n < _FEW * threads:
            own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads)
        else:
            own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads)

    @numba.njit(**OPTIONS)
    def rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        if m < n and m < _FEW * threads:
            own_columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads)
        else:
            own_rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, rank, threads)

    return whole, columns, rows


_FEW = 16  # columns or rows a thread, under which the other axis is divided

sgemm, sgemm_columns, sgemm_rows = _products(_product(_cblas_sgemm, np.float32, 4))
dgemm, dgemm_columns, dgemm_rows = _products(_product(_cblas_dgemm, np.float64, 8))

"""What the source of a program calls: numba's compiler, BLAS, and functions of one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types

from xpnet.fused.openblas import library

__all__ = [
    "bool_", "compiled", "cos", "dgemm", "empty", "exp", "expm1", "f32", "f64", "float32", "float64",
    "floor", "i32", "i64", "inf", "int32", "int64", "log", "log1p", "nan", "sgemm", "sin", "sqrt",
    "tanh",
]  # fmt: skip

f32 = float32 = np.float32
f64 = float64 = np.float64
i32 = int32 = np.int32
i64 = int64 = np.int64
bool_ = np.bool_
inf, nan = np.inf, np.nan
empty = np.empty
cos, exp, expm1, floor, log, log1p = np.cos, np.exp, np.expm1, np.floor, np.log, np.log1p
sin, sqrt, tanh = np.sin, np.sqrt, np.tanh

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

    found = library()
    llvmlite.binding.load_library_permanently(found.path)
    integer = types.int64 if found.wide else types.int32
    signature = types.void(
        *[types.int32] * 3, *[integer] * 3, kind, types.uintp, integer, types.uintp, integer,
        kind, types.uintp, integer,
    )  # fmt: skip
    return types.ExternalFunction(found.symbol(f"cblas_{name}"), signature)


_cblas_sgemm, _cblas_dgemm = _gemm("sgemm", types.float32), _gemm("dgemm", types.float64)
_ROWS, _PLAIN, _TRANSPOSED = 101, 111, 112  # CBLAS's names of them


@numba.njit(**OPTIONS)
def sgemm(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """C (m, n) = op(A) (m, k) op(B) (k, n) in float32; rows lie lda, ldb and ldc apart."""
    _cblas_sgemm(
        _ROWS, _TRANSPOSED if flip_a else _PLAIN, _TRANSPOSED if flip_b else _PLAIN, m, n, k,
        f32(1.0), A.ctypes.data, lda, B.ctypes.data, ldb, f32(0.0), C.ctypes.data, ldc,
    )  # fmt: skip


@numba.njit(**OPTIONS)
def dgemm(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """The same in float64."""
    _cblas_dgemm(
        _ROWS, _TRANSPOSED if flip_a else _PLAIN, _TRANSPOSED if flip_b else _PLAIN, m, n, k,
        1.0, A.ctypes.data, lda, B.ctypes.data, ldb, 0.0, C.ctypes.data, ldc,
    )  # fmt: skip

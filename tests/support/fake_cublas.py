"""cuBLAS's strided batched product on host memory: column-major arrays, scalars by address.

Roundings are not imitated: TF32 and 16-bit products are computed in float32.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from typing import Any

import numpy as np

__all__ = ["gemm"]

_TYPES = {0: np.float32, 1: np.float64}
_COMPUTES = {68: 0, 74: 0, 75: 0, 77: 0, 70: 1}  # cublasComputeType_t: cudaDataType


def gemm(launches: Counter[str]) -> Any:
    """Return gemmStridedBatchedEx for host memory; each call is counted in ``launches``."""

    def strided(
        handle: int, op_a: int, op_b: int, m: int, n: int, k: int, alpha: int,
        A: int, type_a: int, lda: int, stride_a: int, B: int, type_b: int, ldb: int, stride_b: int,
        beta: int, C: int, type_c: int, ldc: int, stride_c: int,
        batch: int, compute: int, algo: int,
    ) -> None:  # fmt: skip
        """Compute C_r ← op(A_r) op(B_r); all are column-major, as in cuBLAS."""
        kind = _TYPES[_COMPUTES[compute]]
        assert {type_a, type_b, type_c} == {_COMPUTES[compute]}
        launches[f"gemm {compute}"] += 1
        a = _columns(A, kind, (k, m) if op_a else (m, k), lda, stride_a, batch)
        b = _columns(B, kind, (n, k) if op_b else (k, n), ldb, stride_b, batch)
        c = _columns(C, kind, (m, n), ldc, stride_c, batch)
        assert _at(alpha, kind, 1)[0] == 1
        assert _at(beta, kind, 1)[0] == 0
        c[...] = (a.mT if op_a else a) @ (b.mT if op_b else b)

    return strided


def _at(address: int, kind: Any, n: int) -> Any:
    size = n * np.dtype(kind).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype=kind)


def _columns(p: int, kind: Any, shape: tuple[int, int], ld: int, stride: int, batch: int) -> Any:
    rows, columns = shape
    assert ld >= max(1, rows), "a leading dimension that is too small"
    flat = _at(p, kind, stride * (batch - 1) + ld * (columns - 1) + rows)
    steps = np.asarray((stride, 1, ld)) * flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, (batch, rows, columns), steps)

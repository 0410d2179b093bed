"""cuBLAS's products on host memory: column-major arrays, scalars by address, as ctypes passes them.

Roundings are not imitated: TF32 and 16-bit products are computed in float32.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

__all__ = ["Cublas"]

_TYPES = {0: np.float32, 1: np.float64}
_COMPUTES = {68: 0, 74: 0, 75: 0, 77: 0, 70: 1}  # cublasComputeType_t: cudaDataType


class Cublas:
    """The functions of the library that xpnet calls; each product is a launch of the card."""

    def __init__(self, card: Any) -> None:
        self._card = card
        self._streams: list[int] = []  # by handle
        self._has_workspace: list[bool] = []

    def cublasCreate_v2(self, handle: Any) -> int:
        self._streams.append(0)
        self._has_workspace.append(False)
        handle._obj.value = len(self._streams)
        return 0

    def cublasDestroy_v2(self, handle: Any) -> int:
        self._streams[handle.value - 1] = -1
        return 0

    def cublasSetStream_v2(self, handle: Any, stream: Any) -> int:
        self._streams[handle.value - 1] = stream.value
        self._has_workspace[handle.value - 1] = False  # as cuBLAS does
        return 0

    def cublasSetWorkspace_v2(self, handle: Any, place: Any, size: Any) -> int:
        assert place.value
        self._has_workspace[handle.value - 1] = True
        return 0

    def cublasGemmEx(
        self, handle: Any, op_a: Any, op_b: Any, m: Any, n: Any, k: Any, alpha: Any,
        A: Any, type_a: Any, lda: Any, B: Any, type_b: Any, ldb: Any,
        beta: Any, C: Any, type_c: Any, ldc: Any, compute: Any, algo: Any,
    ) -> int:  # fmt: skip
        zero, one = ctypes.c_longlong(0), ctypes.c_int(1)
        return self.cublasGemmStridedBatchedEx(
            *(handle, op_a, op_b, m, n, k, alpha, A, type_a, lda, zero, B, type_b, ldb, zero),
            *(beta, C, type_c, ldc, zero, one, compute, algo),
        )

    def cublasGemmStridedBatchedEx(
        self, handle: Any, op_a: Any, op_b: Any, m: Any, n: Any, k: Any, alpha: Any,
        A: Any, type_a: Any, lda: Any, stride_a: Any, B: Any, type_b: Any, ldb: Any, stride_b: Any,
        beta: Any, C: Any, type_c: Any, ldc: Any, stride_c: Any,
        batch: Any, compute: Any, algo: Any,
    ) -> int:  # fmt: skip
        """Compute C_r ← op(A_r) op(B_r); all are column-major, as in cuBLAS."""
        stream = self._card.current()
        assert self._streams[handle.value - 1] == stream.ptr, "a product on another stream"
        assert self._has_workspace[handle.value - 1]
        m, n, k, batch = (x.value for x in (m, n, k, batch))
        kind = _TYPES[_COMPUTES[compute.value]]
        assert {x.value for x in (type_a, type_b, type_c)} == {_COMPUTES[compute.value]}
        a = _columns(A, kind, (k, m) if op_a.value else (m, k), lda, stride_a, batch)
        b = _columns(B, kind, (n, k) if op_b.value else (k, n), ldb, stride_b, batch)
        c = _columns(C, kind, (m, n), ldc, stride_c, batch)
        assert (alpha._obj.value, beta._obj.value) == (1, 0)

        def multiply() -> None:
            self._card.launches[f"gemm {compute.value}"] += 1
            c[...] = (a.mT if op_a.value else a) @ (b.mT if op_b.value else b)

        stream.do(multiply)
        return 0


def _at(address: int, kind: Any, n: int) -> Any:
    size = n * np.dtype(kind).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype=kind)


def _columns(p: Any, kind: Any, shape: tuple[int, int], ld: Any, stride: Any, batch: int) -> Any:
    (rows, columns), ld, stride = shape, ld.value, stride.value
    assert ld >= max(1, rows), "a leading dimension that is too small"
    flat = _at(p.value, kind, stride * (batch - 1) + ld * (columns - 1) + rows)
    steps = np.asarray((stride, 1, ld)) * flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, (batch, rows, columns), steps)

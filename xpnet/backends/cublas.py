"""Products of stacks, and products in lower precision, by one call of cuBLAS without copies.

    C_r = A_r B_r        r = 0 … R − 1

cuBLAS stores matrices by columns, so it sees an array stored by rows as its transpose. Therefore
cuBLAS is called for C_rᵀ = B_rᵀ A_rᵀ. An operand that is a transposed view is passed with the flag
for transposition; `cupy.matmul` would copy it if it is a stack. Sums are in float32 (or float64) at
every precision.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from xpnet.typing import Array, Namespace

__all__ = ["PRECISIONS", "fix_workspaces", "product"]


class Precision(NamedTuple):
    """How the factors of float32 products are rounded, and the compute capability it needs."""

    compute: int  # cublasComputeType_t
    capability: int


PRECISIONS = {
    "float32": Precision(68, 0),  # CUBLAS_COMPUTE_32F
    "tf32": Precision(77, 80),  # …_32F_FAST_TF32
    "bfloat16": Precision(75, 80),  # …_32F_FAST_16BF
    "float16": Precision(74, 70),  # …_32F_FAST_16F
}

_KINDS = {"float32": 0, "float64": 1}  # cudaDataType
_COMPUTE_64F, _DEFAULT_ALGORITHM = 70, -1
_ONES = {name: np.ones(1, name) for name in _KINDS}
_ZEROS = {name: np.zeros(1, name) for name in _KINDS}


_WORKSPACES = ("CUBLAS_WORKSPACE_CONFIG", (":4096:8", ":16:8"))


def fix_workspaces() -> None:
    """Give cuBLAS's workspaces fixed sizes.

    So no product's algorithm depends on what else is running.

    cuBLAS reads the variable when CuPy makes its handle, at the first product of a process.
    """
    name, known = _WORKSPACES
    found = os.environ.setdefault(name, known[0])
    if found not in known:
        raise ValueError(
            f"deterministic=True needs {' or '.join(known)} in the environment variable {name}, "
            f"which is {found!r}: set it to one of them, or unset it"
        )


class _Operand(NamedTuple):
    transposed: int
    ld: int
    stride: int


def product(xp: Namespace, a: Array, b: Array, out: Array, precision: str) -> Any | None:
    """Return the product a b, (m, n) or (R, m, n); None if cuBLAS does not accept the operands.

    If one of a and b is a stack, the other may be two-dimensional, and is then the same for all R.
    """
    name, depth = str(a.dtype), max(a.ndim, b.ndim)
    (m, k), n, R = a.shape[-2:], b.shape[-1], (a if a.ndim == depth else b).shape[0]
    if depth > 3 or name not in _KINDS or name != str(b.dtype) or 0 in (*a.shape, *b.shape):
        return None
    shape = (R, m, n)[-depth:]
    out = xp.empty(shape, dtype=a.dtype) if out is None else out
    left, right, result = _operand(a), _operand(b), _operand(out)
    if left is None or right is None or result is None or result.transposed:
        return None
    _gemm(name, precision, (n, m, k, R if depth == 3 else 1), (b, right), (a, left), (out, result))
    return out


def _operand(x: Array) -> _Operand | None:
    """Describe x to cuBLAS; None if neither its rows nor its columns are contiguous."""
    rows, columns = x.shape[-2:]
    down, right = (s // x.itemsize for s in x.strides[-2:])
    stride = x.strides[0] // x.itemsize if x.ndim == 3 else 0
    down, right = (down if rows > 1 else columns), (right if columns > 1 else 1)
    if right == 1 and down >= columns:
        return _Operand(0, down, stride)
    right = x.strides[-1] // x.itemsize if columns > 1 else rows
    if (down == 1 or rows == 1) and right >= rows:
        return _Operand(1, right, stride)
    return None


def _gemm(name: str, precision: str, sizes: tuple[int, ...], *operands: Any) -> None:
    """Call cuBLAS once on the current stream, with the scalars in host memory."""
    import cupy
    from cupy_backends.cuda.libs import cublas

    n, m, k, R = sizes
    (b, right), (a, left), (out, result) = operands
    kind = _KINDS[name]
    compute = PRECISIONS[precision].compute if name == "float32" else _COMPUTE_64F
    cublas.gemmStridedBatchedEx(
        *(cupy.cuda.device.get_cublas_handle(), right.transposed, left.transposed, n, m, k),
        *(_ONES[name].ctypes.data, b.data.ptr, kind, right.ld, right.stride),
        *(a.data.ptr, kind, left.ld, left.stride),
        *(_ZEROS[name].ctypes.data, out.data.ptr, kind, result.ld, result.stride),
        *(R, compute, _DEFAULT_ALGORITHM),
    )

"""Products by cuBLAS on one stream, with a handle and a workspace of its own, without copies.

    C_r = A_r B_r        r = 0 … R − 1

cuBLAS stores matrices by columns, so it sees an array stored by rows as its transpose. Therefore
cuBLAS is called for C_rᵀ = B_rᵀ A_rᵀ. An operand that is a transposed view is passed with the flag
for transposition; `cupy.matmul` would copy it if it is a stack. Sums are in float32 (or float64) at
every precision.

CuPy's own products refuse a stream that is being captured as a graph, so cuBLAS is called by
ctypes. A workspace of its own also makes a stream's products independent of other streams.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any, NamedTuple

from xpnet.typing import Array, Namespace

__all__ = ["PRECISIONS", "Gemm", "fix_workspaces", "library"]


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

WORKSPACE = 2**25
"""Bytes that cuBLAS may use: what NVIDIA recommends for Hopper, the most of all generations."""

_KINDS = {"float32": 0, "float64": 1}  # cudaDataType
_SCALARS = {"float32": ctypes.c_float, "float64": ctypes.c_double}
_COMPUTE_64F, _DEFAULT_ALGORITHM = 70, -1
_NO_MEMORY = 3  # CUBLAS_STATUS_ALLOC_FAILED


_WORKSPACES = ("CUBLAS_WORKSPACE_CONFIG", (":4096:8", ":16:8"))


def fix_workspaces() -> None:
    """Give the workspaces of CuPy's handle fixed sizes.

    So no product's algorithm depends on what else is running, even if CuPy itself computes it.

    cuBLAS reads the variable when CuPy makes its handle, at the first product of a process.
    """
    name, known = _WORKSPACES
    found = os.environ.setdefault(name, known[0])
    if found not in known:
        raise ValueError(
            f"deterministic=True needs {' or '.join(known)} in the environment variable {name}, "
            f"which is {found!r}: set it to one of them, or unset it"
        )


def library() -> Any:
    """Return cuBLAS, as CuPy has loaded it."""
    from cuda.pathfinder import load_nvidia_dynamic_lib
    from cupy_backends.cuda.libs import cublas  # noqa: F401  CuPy's copy, which is found again

    return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)


class Gemm:
    """Products on one stream; make it and call it on the stream's device.

    Parameters
    ----------
    xp : module
        CuPy's namespace.
    stream : cupy.cuda.Stream

    Raises
    ------
    RuntimeError
        cuBLAS refuses a call.
    """

    def __init__(self, xp: Namespace, stream: Any) -> None:
        self._xp, self._library = xp, library()
        self._workspace = xp.empty((WORKSPACE,), dtype=xp.uint8)
        handle = self._handle = ctypes.c_void_p()
        _check(self._library.cublasCreate_v2(ctypes.byref(handle)))
        end = weakref.finalize(self, _destroy, self._library, handle, os.getpid())
        end.atexit = False  # CUDA may be gone by then
        # in this order: setting the stream resets the workspace
        _check(self._library.cublasSetStream_v2(handle, ctypes.c_void_p(stream.ptr)))
        place = ctypes.c_void_p(self._workspace.data.ptr)
        size = ctypes.c_size_t(WORKSPACE)
        _check(self._library.cublasSetWorkspace_v2(handle, place, size))

    def product(self, a: Array, b: Array, out: Array | None, precision: str) -> Any | None:
        """Return the product a b, (m, n) or (R, m, n); None if cuBLAS does not take the operands.

        If one of a and b is a stack, the other may be two-dimensional, and is the same for all R.
        """
        if out is None and _is_taken(a, b):
            shape = (*(a if a.ndim >= b.ndim else b).shape[:-2], a.shape[-2], b.shape[-1])
            out = self._xp.empty(shape, dtype=a.dtype)
        call = None if out is None else self.prepared(a, b, out, precision)
        if call is None:
            return None
        call()
        return out

    def prepared(self, a: Array, b: Array, out: Array, precision: str) -> _Call | None:
        """Return the call that writes a b into ``out``, which keeps the arrays alive.

        The call only passes arguments that are ready, so that it costs the host little, and may run
        while the stream is captured. It is None if cuBLAS does not take the operands.
        """
        if not _is_taken(a, b):
            return None
        left, right, result = _operand(a), _operand(b), _operand(out)
        if left is None or right is None or result is None or result.transposed:
            return None
        arguments = self._arguments(precision, (b, right), (a, left), (out, result))
        name = "cublasGemmStridedBatchedEx" if out.ndim == 3 else "cublasGemmEx"
        return _Call(getattr(self._library, name), arguments, (self, a, b, out))

    def _arguments(self, precision: str, *operands: Any) -> tuple[Any, ...]:
        """Return the arguments of cuBLAS's function, with the scalars in host memory."""
        (b, right), (a, left), (out, result) = operands
        name, (m, k), n, stacked = str(a.dtype), a.shape[-2:], b.shape[-1], out.ndim == 3
        compute = PRECISIONS[precision].compute if name == "float32" else _COMPUTE_64F
        kind, scalar = ctypes.c_int(_KINDS[name]), _SCALARS[name]

        def matrix(x: Array, how: _Operand) -> tuple[Any, ...]:
            stride = (ctypes.c_longlong(how.stride),) if stacked else ()
            return (ctypes.c_void_p(x.data.ptr), kind, ctypes.c_int(how.ld), *stride)

        sizes = (right.transposed, left.transposed, n, m, k)
        ends = (*((len(out),) if stacked else ()), compute, _DEFAULT_ALGORITHM)
        return (
            *(self._handle, *map(ctypes.c_int, sizes)),
            *(ctypes.byref(scalar(1)), *matrix(b, right), *matrix(a, left)),
            *(ctypes.byref(scalar(0)), *matrix(out, result)),
            *map(ctypes.c_int, ends),
        )


class _Call:
    """A call of cuBLAS with arguments that are ready; it keeps alive what they point to."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], kept: tuple[Any, ...]) -> None:
        self._function, self._arguments, self._kept = function, arguments, kept

    def __call__(self) -> None:
        _check(self._function(*self._arguments))


def _check(status: int) -> None:
    """Raise the error of one of cuBLAS's statuses."""
    if status == _NO_MEMORY:
        raise MemoryError("cuBLAS has no memory left")
    if status:
        raise RuntimeError(f"cuBLAS refuses a call with status {status}")


def _destroy(library: Any, handle: Any, process: int) -> None:
    """Destroy a handle, unless this is a fork of the process that made it."""
    if os.getpid() == process:
        library.cublasDestroy_v2(handle)


class _Operand(NamedTuple):
    transposed: int
    ld: int
    stride: int


def _is_taken(a: Array, b: Array) -> bool:
    """Whether cuBLAS takes operands of these types and numbers of axes."""
    name = str(a.dtype)
    few = max(a.ndim, b.ndim) <= 3
    return few and name in _KINDS and name == str(b.dtype) and 0 not in (*a.shape, *b.shape)


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

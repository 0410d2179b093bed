"""`xpnet.engines.loops.runtime` without numba: a program's source runs as plain Python.

So ordinary tests run the arithmetic of every compiled loop in milliseconds; compiling would take
seconds. The names are the same, but the functions are NumPy's. Arrays are guarded
(tests/support/guarded.py): an index outside an array or an unwritten entry is an error.
"""

from typing import Any

import numpy as np
from numpy import bool_, inf, nan

from tests.support.guarded import check_all_written, guarded, operand, poisoned
from xpnet.engines.graph.operations import OF_NUMPY

f32 = float32 = np.float32
f64 = float64 = np.float64
i64 = int64 = np.int64
int32 = np.int32
exp_f32 = exp_f64 = np.exp
expm1_f32 = expm1_f64 = np.expm1
tanh_f32 = tanh_f64 = np.tanh
log1p_f32 = log1p_f64 = np.log1p
globals().update({name: getattr(np, name) for name in OF_NUMPY})


def plus(a: Any, b: Any) -> Any:
    """Add one more term to a sum."""
    return a + b


def i32(x: Any) -> Any:
    """Return an int32 that wraps around, as a compiled one does."""
    return np.int64(x).astype(np.int32)


def empty(length: int, dtype: Any) -> Any:
    """Return an array whose entries are all unwritten."""
    return guarded(poisoned(length, dtype))


def compiled(function: Any) -> Any:
    return function


def _operands(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc):
    """Return A, B and C as matrices; check that A and B are written and do not overlap with C."""
    a = operand(A, k, m, lda).T if flip_a else operand(A, m, k, lda)
    b = operand(B, n, k, ldb).T if flip_b else operand(B, k, n, ldb)
    c = operand(C, m, n, ldc)
    assert not np.shares_memory(c, a), "a product over its own factor"
    assert not np.shares_memory(c, b), "a product over its own factor"
    check_all_written(a, b)
    return a, b, c


def gemm(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room):
    a, b, c = _operands(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc)
    c[...] = a @ b


sgemm = dgemm = gemm


def columns(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads):
    first, stop = share(n, rank, threads)
    a, b, c = _operands(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc)
    c[:, first:stop] = a @ b[:, first:stop]


def rows(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc, room, rank, threads):
    first, stop = share(m, rank, threads)
    a, b, c = _operands(m, n, k, flip_a, A, lda, flip_b, B, ldb, C, ldc)
    c[first:stop] = a[first:stop] @ b


sgemm_columns = dgemm_columns = columns
sgemm_rows = dgemm_rows = rows


def share(n, rank, threads):
    """Return a thread's share of n entries; without cache lines, it may begin anywhere."""
    return n * rank // threads, n * (rank + 1) // threads


def meet(barrier, met, threads):
    barrier.wait()
    return met + threads


__all__ = [
    "bool_", "compiled", "dgemm", "dgemm_columns", "dgemm_rows", "empty", "exp_f32", "exp_f64",
    "expm1_f32", "expm1_f64", "f32", "f64", "float32", "float64", "i32", "i64", "inf", "int32",
    "int64", "log1p_f32", "log1p_f64", "meet", "nan", "plus", "sgemm", "sgemm_columns",
    "sgemm_rows", "share", "tanh_f32", "tanh_f64",
]  # fmt: skip
__all__ += OF_NUMPY

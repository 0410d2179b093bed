"""Names that the source of a program uses: numba's compiler, BLAS and functions of one number.

tests/support/plain_runtime.py has the same names without numba, to run a source as plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic

from xpnet.engines.graph.operations import OF_NUMPY
from xpnet.engines.loops.barrier import meet, share
from xpnet.engines.loops.functions import functions
from xpnet.engines.loops.options import OPTIONS
from xpnet.engines.loops.products import (
    dgemm,
    dgemm_columns,
    dgemm_rows,
    sgemm,
    sgemm_columns,
    sgemm_rows,
)

__all__ = [
    "bool_", "compiled", "dgemm", "dgemm_columns", "dgemm_rows", "empty", "exp_f32", "exp_f64",
    "expm1_f32", "expm1_f64", "f32", "f64", "float32", "float64", "i32", "i64", "inf", "int32",
    "int64", "log1p_f32", "log1p_f64", "meet", "nan", "plus", "sgemm", "sgemm_columns",
    "sgemm_rows", "share", "tanh_f32", "tanh_f64",
]  # fmt: skip
__all__ += OF_NUMPY

f32 = float32 = np.float32
f64 = float64 = np.float64
i32 = int32 = np.int32
i64 = int64 = np.int64
bool_ = np.bool_
inf, nan = np.inf, np.nan
empty = np.empty
globals().update({name: getattr(np, name) for name in OF_NUMPY})

_F32, _F64 = functions("f32"), functions("f64")
exp_f32, expm1_f32, tanh_f32, log1p_f32 = (_F32[n] for n in ("exp", "expm1", "tanh", "log1p"))
exp_f64, expm1_f64, tanh_f64, log1p_f64 = (_F64[n] for n in ("exp", "expm1", "tanh", "log1p"))


@intrinsic
def plus(typing, a, b):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Return a + b, an addition of a sum, whose terms LLVM may add in any order, so in vectors."""
    kind = typing.unify_types(a, b)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        both = zip(arguments, signature.args, strict=True)
        terms = [context.cast(builder, x, given, kind) for x, given in both]
        return builder.fadd(*terms, flags=("reassoc", "nsz", "contract"))

    return kind(a, b), generate


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` compiled by numba; `xpnet.engines.loops.cache` keeps it on disk."""
    made: Callable[..., Any] = numba.njit(**OPTIONS)(function)
    return made

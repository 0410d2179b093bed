"""How the threads of a team divide work and wait for each other, as numba compiles it.

tests/plain_runtime.py has the same functions without numba.
"""

from __future__ import annotations

import sys
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["meet", "share"]

_LINE = 16  # float32 numbers of a cache line, which two threads should not both write to
_SPINS = 20_000  # looks at the barrier before the core is offered to others


def _system_yield() -> Any:
    """The function that offers the core to others, by the name that this system has for it."""
    if sys.platform != "win32":
        return types.ExternalFunction("sched_yield", types.int32())
    llvmlite.binding.load_library_permanently("kernel32.dll")
    return types.ExternalFunction("SwitchToThread", types.int32())


_yield_core = _system_yield()


@intrinsic  # type: ignore[untyped-decorator]
def _arrive(typing: Any, address: Any) -> Any:
    """Add 1 to the 64-bit integer there, in one piece."""

    def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
        counter = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", counter, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(types.uintp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _look(typing: Any, address: Any) -> Any:
    """The 64-bit integer there, as the other threads have left it."""

    def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
        counter = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(counter, "seq_cst", 8)

    return types.int64(types.uintp), generate


@numba.njit(nogil=True)
def meet(barrier, met, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Wait until all threads have come here; ``met`` counts, and the new count is returned.

    barrier[0] is how often anybody has come. barrier[8], in a cache line of its own, is not 0 where
    a thread has failed and will not come.
    """
    met += threads
    _arrive(barrier.ctypes.data)
    spins = 0
    while _look(barrier.ctypes.data) < met:
        spins += 1
        if spins > _SPINS:
            if barrier[8] != 0:
                break
            _yield_core()
    return met


@numba.njit(nogil=True)
def share(n, rank, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """The first of the n columns or rows that a thread has, and where it stops.

    Unsigned: a signed index could be counted from the end, and loops over it are not vectorised.
    """
    lines = (n + _LINE - 1) // _LINE
    first, stop = lines * rank // threads * _LINE, lines * (rank + 1) // threads * _LINE
    return np.uint64(min(first, n)), np.uint64(min(stop, n))

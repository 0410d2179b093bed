"""Compiled functions by which the threads of a team divide work and wait for each other.

tests/support/plain_runtime.py has the same functions without numba.
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

_LINE = 16  # float32 numbers in a cache line; two threads should not write to the same one
_SPINS = 20_000  # checks of the barrier before the thread yields its core


def _system_yield() -> Any:
    """Return the operating system's function that yields the core to other threads."""
    if sys.platform == "win32":
        llvmlite.binding.load_library_permanently("kernel32.dll")
        name = "SwitchToThread"
    else:
        name = "sched_yield"
    return types.ExternalFunction(name, types.int32())


_yield_core = _system_yield()


@intrinsic  # type: ignore[untyped-decorator]
def _arrive(typing: Any, address: Any) -> Any:
    """Atomically add 1 to the 64-bit integer at an address."""

    def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
        counter = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", counter, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(types.uintp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _look(typing: Any, address: Any) -> Any:
    """Return the 64-bit integer at an address, by an atomic load."""

    def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
        counter = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(counter, "seq_cst", 8)

    return types.int64(types.uintp), generate


@numba.njit(nogil=True)
def meet(barrier, met, threads):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Wait until all threads have arrived here, and return the new value of ``met``.

    ``met`` is the number of arrivals, of all threads together, that earlier calls waited for.
    barrier[0] counts the arrivals of all threads. barrier[8], in a cache line of its own, is not 0
    if a thread has failed and will not arrive; then nobody waits any longer.
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
    """Return the bounds first and stop of a thread's share of n columns or rows.

    Both are unsigned. A signed index could be negative and count from the end, so numba would not
    vectorise loops over it.
    """
    lines = (n + _LINE - 1) // _LINE
    first, stop = lines * rank // threads * _LINE, lines * (rank + 1) // threads * _LINE
    return np.uint64(min(first, n)), np.uint64(min(stop, n))

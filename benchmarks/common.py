"""Shared by the benchmarks: a description of the machine, and timings in turn."""

from __future__ import annotations

import json
import os
import platform
import time
import timeit
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import xpnet
from benchmarks.blas import pools

__all__ = ["blas_threads", "interleave", "machine", "write"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def machine() -> dict[str, Any]:
    """Return what a timing depends on: versions, processor, BLAS, threads; no path and no name.

    ``blas`` needs threadpoolctl. It has the name, version, kernels ("architecture") and threads of
    every BLAS that is loaded.
    """
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "xpnet": xpnet.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cpus": _cpus(),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }
    if find_spec("threadpoolctl"):
        found["blas"] = [pool for pool in pools() if "kernels" in pool]
    return found


def blas_threads(n: int | None) -> AbstractContextManager[Any]:
    """Limit BLAS to n threads within this context, if threadpoolctl is installed.

    None changes nothing.
    """
    if n is None:
        return nullcontext()
    if not find_spec("threadpoolctl"):
        print(f"threadpoolctl is not installed: BLAS is not held to {n} threads")
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(n, user_api="blas")
    return limits


def _cpus() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    """Return the processor's name, if the system knows it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def interleave(
    candidates: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 7,
    seconds: float = 0.02,
    timer: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the seconds per call of each candidate, one figure per round.

    The candidates take turns in every round, so that a slow moment of the machine affects them all.
    Each round begins with a different one. A turn has as many calls as take about ``seconds`` or
    longer; a first, untimed turn finds this number. The garbage collector is off.
    """
    timers = {name: timeit.Timer(call, timer=timer) for name, call in candidates.items()}
    calls = {name: _calls(timer, seconds) for name, timer in timers.items()}
    found: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for r in range(rounds):
        first = r % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(timers[name].timeit(calls[name]) / calls[name])
    return found


def _calls(timer: timeit.Timer, seconds: float) -> int:
    """Return how many calls take about this many seconds, at least 1."""
    calls = 1
    while (taken := timer.timeit(calls)) < seconds / 2:
        calls = min(10 * calls, 1 + int(calls * seconds / max(taken, 1e-9)))
    return calls


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result as JSON; create its folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

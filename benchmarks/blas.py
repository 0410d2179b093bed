"""The environment with which OpenBLAS uses the best kernels that this CPU has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import pools

__all__ = ["environment", "tuned_environment"]

BELOW_AVX512 = ("Haswell", "Zen")


def environment(assignments: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE pairs as a mapping."""
    for assignment in assignments:
        if "=" not in assignment[1:]:
            raise ValueError(f"--tuned-env takes NAME=VALUE, got {assignment!r}")
    return {name: value for name, _, value in (text.partition("=") for text in assignments)}


def tuned_environment() -> dict[str, str]:
    """Empty where the default kernels are the best, or where it cannot be told.

    OpenBLAS that takes AVX2 kernels on a CPU with AVX-512 needs to be told, before NumPy loads.
    """
    kernels = {pool.get("kernels") for pool in pools() if pool["name"] == "openblas"}
    if _has_avx512() and kernels & set(BELOW_AVX512):
        return {"OPENBLAS_CORETYPE": "SkylakeX"}
    return {}


def _has_avx512() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and "avx512f" in info.read_text(encoding="utf-8", errors="replace")

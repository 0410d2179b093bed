"""The environment with which OpenBLAS uses the best kernels that this CPU has."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from benchmarks.common import pools

__all__ = ["assignment", "tuned_environment"]

BELOW_AVX512 = ("Haswell", "Zen")


def assignment(text: str) -> tuple[str, str]:
    """The two parts of NAME=VALUE."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    return name, value


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

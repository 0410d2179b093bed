"""Which BLAS is loaded, and the environment that gives OpenBLAS the best kernels of this CPU.

It imports no more than it must, so that a worker's process has its own library alone.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["assignment", "pools", "tuned_environment"]

BELOW_AVX512 = ("Haswell", "Zen")


def pools() -> list[dict[str, Any]]:
    """Every BLAS and OpenMP that is loaded: name, version, threads, and a BLAS's kernels.

    Empty where threadpoolctl is not installed.
    """
    if not find_spec("threadpoolctl"):
        return []
    from threadpoolctl import threadpool_info

    return [
        {
            "name": library["internal_api"],
            "version": library["version"],
            **({"kernels": library.get("architecture")} if library["user_api"] == "blas" else {}),
            "threads": library["num_threads"],
        }
        for library in threadpool_info()
    ]


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

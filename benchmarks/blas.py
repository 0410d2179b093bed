"""The BLAS libraries that are loaded, and settings of their environment.

This module imports as little as possible, so that a worker's process loads only its own library.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from importlib.util import find_spec
from typing import Any

__all__ = ["assignment", "pools"]


def pools() -> list[dict[str, Any]]:
    """Return every BLAS and OpenMP that is loaded: name, version, threads, and a BLAS's kernels.

    Empty if threadpoolctl is not installed.
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
    """Return the two parts of NAME=VALUE."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    return name, value

"""Describe the BLAS behind NumPy's products: its version, its kernels and its threads.

NumPy's own OpenBLAS (`xpnet.backends.openblas`) can be queried before NumPy is imported. A
different BLAS is described by threadpoolctl if that is installed, else by NumPy's build settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from xpnet.backends.openblas import bundled

__all__ = ["Blas", "describe_blas", "switchable_kernels"]


@dataclass(frozen=True)
class Blas:
    """A BLAS; ``kernels`` and ``threads`` are None if unknown."""

    name: str
    version: str
    kernels: str | None
    threads: int | None


def describe_blas() -> Blas:
    """Describe NumPy's BLAS; NumPy is imported only if it does not bundle its own OpenBLAS."""
    library = bundled()
    if library is None:
        return _other_blas()
    version = (library.text("config").split() or ["OpenBLAS", ""])[1]
    return Blas("OpenBLAS", version, library.text("corename") or None, library.threads)


def switchable_kernels() -> str | None:
    """Return the kernels that NumPy's own OpenBLAS has chosen or would choose, if one can switch.

    None for a different BLAS, and for an OpenBLAS built for only one kind of processor.
    """
    library = bundled()
    if library is None or "DYNAMIC_ARCH" not in library.text("config").split():
        return None
    return library.text("corename") or None


def _other_blas() -> Blas:
    import numpy as np

    if find_spec("threadpoolctl"):
        from threadpoolctl import threadpool_info

        for row in threadpool_info():
            if row["user_api"] == "blas":
                name, version = row["internal_api"], row["version"] or ""
                return Blas(name, version, row.get("architecture"), row["num_threads"])
    built: Any = np.show_config(mode="dicts")
    row = built.get("Build Dependencies", {}).get("blas", {})
    return Blas(row.get("name", "unknown"), row.get("version", ""), None, None)

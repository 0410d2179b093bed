"""NumPy's own OpenBLAS: called directly, its products are `numpy.matmul`'s without the overhead."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["OpenBLAS", "library"]


@dataclass(frozen=True)
class OpenBLAS:
    """A shared library with CBLAS functions.

    Attributes
    ----------
    path : str
    prefix, suffix : str
        What its names have around them.
    wide : bool
        Whether its integers have 64 bits.
    """

    path: str
    prefix: str
    suffix: str
    wide: bool

    def symbol(self, name: str) -> str:
        """The library's name of a function."""
        return f"{self.prefix}{name}{self.suffix}"

    def function(self, name: str) -> ctypes._FuncPointer | None:  # type: ignore[name-defined]
        """A function by ctypes, or None."""
        return getattr(ctypes.CDLL(self.path), self.symbol(name), None)


_NAMES = (("scipy_", "64_", True), ("", "64_", True), ("scipy_", "", False), ("", "", False))


@cache
def library() -> OpenBLAS:
    """The one that NumPy uses; ImportError where NumPy has another BLAS."""
    root = Path(np.__file__).parent
    for folder in (root.parent / "numpy.libs", root / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            loaded = ctypes.CDLL(str(path))
            for prefix, suffix, wide in _NAMES:
                if hasattr(loaded, f"{prefix}cblas_sgemm{suffix}"):
                    return OpenBLAS(str(path), prefix, suffix, wide)
    raise ImportError("NumPy here has no OpenBLAS of its own, whose products compiled steps call")

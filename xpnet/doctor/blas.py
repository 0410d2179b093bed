"""The BLAS behind NumPy's products: its version, its kernels and its threads.

NumPy's wheels bring their OpenBLAS in a folder beside the package. It can be opened and asked
before NumPy is imported (which opens the same copy afterwards); another BLAS is described by
threadpoolctl where that is installed, else by what NumPy was built with.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["Blas", "describe_blas", "switchable_kernels"]

_NAMES = (  # 64 bits wide or not, and with the prefix that keeps it apart from another OpenBLAS
    "scipy_openblas_get_{}64_",
    "scipy_openblas_get_{}",
    "openblas_get_{}64_",
    "openblas_get_{}",
)


@dataclass(frozen=True)
class Blas:
    """A BLAS; ``kernels`` and ``threads`` are None where nothing tells them."""

    name: str
    version: str
    kernels: str | None
    threads: int | None


def describe_blas() -> Blas:
    """NumPy's. Imports NumPy only where its OpenBLAS does not lie beside it."""
    library = _bundled_openblas()
    if library is None:
        return _other_blas()
    version = (_text(library, "config").split() or ["OpenBLAS", ""])[1]
    return Blas("OpenBLAS", version, _text(library, "corename") or None, _threads(library))


def switchable_kernels() -> str | None:
    """The kernels that NumPy's own OpenBLAS has chosen, or would, where it can be told otherwise.

    None for another BLAS, and for an OpenBLAS built for one kind of processor alone.
    """
    library = _bundled_openblas()
    if library is None or "DYNAMIC_ARCH" not in _text(library, "config").split():
        return None
    return _text(library, "corename") or None


def _bundled_openblas() -> ctypes.CDLL | None:
    spec = find_spec("numpy")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                return ctypes.CDLL(str(path))
            except OSError:
                return None
    return None


def _function(library: ctypes.CDLL, what: str) -> Any:
    """OpenBLAS's function ``openblas_get_…``, under the name that this copy gives it."""
    for name in _NAMES:
        if hasattr(library, name.format(what)):
            return getattr(library, name.format(what))
    return None


def _text(library: ctypes.CDLL, what: str) -> str:
    function = _function(library, what)
    if function is None:
        return ""
    function.restype = ctypes.c_char_p
    text: bytes = function()
    return text.decode()


def _threads(library: ctypes.CDLL) -> int | None:
    function = _function(library, "num_threads")
    return None if function is None else int(function())


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

"""numba, which compiles elementwise work: its version, its threads, and what is in its cache."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["NumbaReport", "fill_cache", "numba_report"]

_POOLS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}


@dataclass(frozen=True)
class NumbaReport:
    """numba as it is here; None throughout where it is not installed.

    Attributes
    ----------
    version : str or None
    layer : str or None
        The library whose threads its parallel code would run on.
    threads : int or None
    cached : bool or None
        Whether xpnet's compiled code is on disk; None while xpnet has none.
    """

    version: str | None = None
    layer: str | None = None
    threads: int | None = None
    cached: bool | None = None


def numba_report() -> NumbaReport:
    """Describe numba; imports it."""
    if not find_spec("numba"):
        return NumbaReport()
    numba: Any = import_module("numba")
    return NumbaReport(numba.__version__, _layer(numba.config), numba.config.NUMBA_NUM_THREADS)


def _layer(config: Any) -> str | None:
    """The first layer, in numba's order, that can be loaded; numba itself tells it only later."""
    forced = config.THREADING_LAYER
    for name in [forced] if forced in _POOLS else config.THREADING_LAYER_PRIORITY:
        try:
            import_module(f"numba.np.ufunc.{_POOLS[name]}")
        except ImportError:
            continue
        return str(name)
    return None


def fill_cache() -> str:
    """Compile what can be compiled ahead, into numba's cache; returns what was done, in a line."""
    return "nothing to compile: xpnet has no compiled code yet"

"""numba, which compiles elementwise work: its version, its threads, and what is in its cache."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from xpnet.engines.loops.cache import folder
from xpnet.network import Network
from xpnet.undisturbed import imported

__all__ = ["NumbaReport", "fill_cache", "numba_report"]

_POOLS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}

_COMMON = ((128,), (256, 128), (256, 256), (512, 256, 128))
"""Hidden layers; a source tells equal widths from different ones, and knows no others."""


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
        Whether xpnet's compiled loops are on disk.
    """

    version: str | None = None
    layer: str | None = None
    threads: int | None = None
    cached: bool | None = None


def numba_report() -> NumbaReport:
    """Describe numba; imports it."""
    if not find_spec("numba"):
        return NumbaReport()
    numba: Any = imported("numba")
    config = numba.config
    cached = any(folder().glob("*.compiled"))
    return NumbaReport(numba.__version__, _layer(config), config.NUMBA_NUM_THREADS, cached)


def _layer(config: Any) -> str | None:
    """The first layer, in numba's order, that can be loaded; numba itself tells it only later."""
    forced = config.THREADING_LAYER
    for name in [forced] if forced in _POOLS else config.THREADING_LAYER_PRIORITY:
        try:
            imported(f"numba.np.ufunc.{_POOLS[name]}")
        except ImportError:
            continue
        return str(name)
    return None


def fill_cache() -> str:
    """Compile the loops of common networks into the cache; returns what was done, in lines.

    A source serves networks of any width, but for small ones, which have their sizes in it.
    """
    if not find_spec("numba"):
        return 'nothing is compiled without numba: pip install "xpnet[fast]"'
    began, done = time.perf_counter(), []
    X, labels = np.zeros((3, 784), np.float32), np.asarray([0, 1, 2])
    for hidden in _COMMON:
        for loss, Y in (("cross_entropy", labels), ("mean_squared_error", labels * 1.0)):
            net = Network([784, *hidden, 10 if loss == "cross_entropy" else 1], loss=loss)
            net.fit(X, Y, epochs=1, batch_size=2, compile=True, progress=False)
            done.append(f"  hidden {', '.join(map(str, hidden))}: relu, {loss}, Adam")
    seconds = time.perf_counter() - began
    head = f"{len(done)} networks' loops are compiled in {folder()} ({seconds:.0f} s), of any width"
    return "\n".join([f"{head}:", *done])

"""Describe numba, which compiles elementwise work, and fill the cache of compiled loops."""

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
"""Hidden widths to compile for: the source depends only on which of them are equal."""


@dataclass(frozen=True)
class NumbaReport:
    """numba on this machine; all attributes are None if it is not installed.

    Attributes
    ----------
    version : str or None
    layer : str or None
        The threading layer: the library whose threads would run its parallel code.
    threads : int or None
    cached : bool or None
        Whether xpnet's compiled loops are on disk.
    """

    version: str | None = None
    layer: str | None = None
    threads: int | None = None
    cached: bool | None = None


def numba_report() -> NumbaReport:
    """Describe numba, which is imported if it is installed."""
    if not find_spec("numba"):
        return NumbaReport()
    numba: Any = imported("numba")
    config = numba.config
    cached = any(folder().glob("*.compiled"))
    return NumbaReport(numba.__version__, _layer(config), config.NUMBA_NUM_THREADS, cached)


def _layer(config: Any) -> str | None:
    """Return the first threading layer, in numba's order, that can be loaded.

    numba itself reports it only after parallel code has run.
    """
    forced = config.THREADING_LAYER
    for name in [forced] if forced in _POOLS else config.THREADING_LAYER_PRIORITY:
        try:
            imported(f"numba.np.ufunc.{_POOLS[name]}")
        except ImportError:
            continue
        return str(name)
    return None


def fill_cache() -> str:
    """Compile the loops of common networks into the cache, and return lines on what was done.

    The code serves networks of any width, except small ones, whose sizes are part of the source.
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
    head = (
        f"the loops of {len(done)} networks of any width are compiled in {folder()} "
        f"({seconds:.0f} s)"
    )
    return "\n".join([f"{head}:", *done])

"""The OpenBLAS that NumPy's wheels bring: its products without NumPy's overhead, and its threads.

It lies in a folder beside the package, and can be opened before NumPy is imported (which opens the
same copy afterwards).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

__all__ = ["OpenBLAS", "blas_threads", "bundled", "usual_threads"]

_NAMES = (  # the prefix keeps it apart from another OpenBLAS; with "64_" its integers have 64 bits
    ("scipy_", "64_"),
    ("scipy_", ""),
    ("", "64_"),
    ("", ""),
)


@dataclass(frozen=True)
class OpenBLAS:
    """A shared library.

    Attributes
    ----------
    path : str
    prefix, suffix : str
        What its names have around them.
    """

    path: str
    prefix: str
    suffix: str

    @property
    def wide(self) -> bool:
        """Whether its integers have 64 bits."""
        return self.suffix == "64_"

    def symbol(self, name: str) -> str:
        """The library's name of a function such as ``cblas_sgemm``."""
        return f"{self.prefix}{name}{self.suffix}"

    def text(self, what: str) -> str:
        """What ``openblas_get_config`` or ``…corename`` returns; empty where there is none."""
        function = self._function(f"openblas_get_{what}")
        if function is None:
            return ""
        function.restype = ctypes.c_char_p
        text: bytes = function()
        return text.decode()

    @property
    def threads(self) -> int | None:
        """On how many threads it computes a large product."""
        function = self._function("openblas_get_num_threads")
        return None if function is None else int(function())

    def set_threads(self, n: int) -> None:
        """The same for all products from now on, in the whole process."""
        function = self._function("openblas_set_num_threads")
        if function is not None:
            function(ctypes.c_int(n))

    def has(self, name: str) -> bool:
        """Whether it has such a function."""
        return self._function(name) is not None

    def _function(self, name: str) -> Any:
        return getattr(self._library, self.symbol(name), None)

    @cached_property
    def _library(self) -> ctypes.CDLL:
        """Opened once: a fit asks for its threads before and after every piece of steps."""
        return ctypes.CDLL(self.path)


@cache
def bundled() -> OpenBLAS | None:
    """NumPy's own; None where NumPy has another BLAS, or one that lies elsewhere."""
    spec = find_spec("numpy")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            return _opened(str(path))
    return None


def _opened(path: str) -> OpenBLAS | None:
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None
    for prefix, suffix in _NAMES:
        if hasattr(library, f"{prefix}cblas_sgemm{suffix}"):
            return OpenBLAS(path, prefix, suffix)
    return None


@contextmanager
def blas_threads(n: int | None) -> Iterator[int | None]:
    """Within it, products run on at most n threads; None leaves them alone.

    Gives the number that holds, None where nothing tells. Two may overlap, of fits in two threads:
    the least number holds until its own block ends, and what was there before returns at the last.
    """
    library = bundled()
    if library is None or n is None:
        yield None if library is None else library.threads
        return
    holds = _limit(library, n)
    try:
        yield holds
    finally:
        if holds is not None:
            _lift(library, n)


_lock = Lock()
_limits: list[int] = []  # of the blocks under way, behind the number that was there before them


def usual_threads() -> int | None:
    """On how many threads products run outside all blocks of `blas_threads`; None if unknown."""
    library = bundled()
    with _lock:
        if _limits:
            return _limits[0]
        return None if library is None else library.threads


def _limit(library: OpenBLAS, n: int) -> int | None:
    """Set the least number of all blocks; None where nothing tells what there was before."""
    with _lock:
        before = library.threads
        if before is None:
            return None
        _limits.extend([n] if _limits else [before, n])
        least = min(_limits)
        if least != before:
            library.set_threads(least)
        return least


def _lift(library: OpenBLAS, n: int) -> None:
    with _lock:
        before = min(_limits)
        _limits.remove(n)
        if min(_limits) != before:
            library.set_threads(min(_limits))
        if len(_limits) == 1:
            _limits.clear()

"""The OpenBLAS that NumPy's wheels bring: its products without NumPy's overhead, and its threads.

It lies in a folder beside the package, and can be opened before NumPy is imported (which opens the
same copy afterwards).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, get_ident
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

    @property
    def _library(self) -> ctypes.CDLL:
        """Opened once: a fit asks for its threads before and after every piece of steps.

        Without cached_property, which has a lock in Python 3.11, that a fork may find closed.
        """
        if "library" not in self.__dict__:
            self.__dict__["library"] = ctypes.CDLL(self.path)
        library: ctypes.CDLL = self.__dict__["library"]
        return library


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
    limit = _Limit(get_ident(), n)
    try:  # also around the beginning, in which Ctrl-C may come
        yield _set(library, limit)
    finally:
        _lift(library, limit)


@dataclass(frozen=True, eq=False)
class _Limit:
    """A block under way."""

    thread: int
    n: int


_lock = Lock()
_limits: list[_Limit] = []
_usual: int | None = None  # what was there before them


def usual_threads() -> int | None:
    """On how many threads products run outside all blocks of `blas_threads`; None if unknown."""
    library = bundled()
    with _lock:
        if _usual is not None:
            return _usual
        return None if library is None else library.threads


def _set(library: OpenBLAS, limit: _Limit) -> int | None:
    """Set the least number of all blocks; None where nothing tells what there was before."""
    global _usual
    with _lock:
        if _usual is None:
            _usual = library.threads
        if _usual is None:
            return None
        _limits.append(limit)
        return _apply(library)


def _lift(library: OpenBLAS, limit: _Limit) -> None:
    global _usual
    with _lock:
        if limit in _limits:
            _limits.remove(limit)
        if _usual is not None:
            _apply(library)
        if not _limits:
            _usual = None


def _apply(library: OpenBLAS) -> int:
    """Have the library keep to the least of all limits, and of what was there before them."""
    assert _usual is not None
    least = min([limit.n for limit in _limits] + [_usual])
    if library.threads != least:
        library.set_threads(least)
    return least


def _after_fork_in_child() -> None:
    """Other threads are not here: their limits end, and the lock that one of them may hold."""
    global _lock, _usual
    _lock = Lock()
    _limits[:] = [limit for limit in _limits if limit.thread == get_ident()]
    if _usual is not None and (library := bundled()) is not None:
        _apply(library)
    _usual = _usual if _limits else None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

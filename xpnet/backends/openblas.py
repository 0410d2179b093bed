"""The OpenBLAS in NumPy's wheels: its products without NumPy's overhead, and its threads.

The library lies in a folder beside the package. It can be opened before NumPy is imported; NumPy
then opens the same copy.
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

_NAMES = (  # the prefix tells it from other copies of OpenBLAS; "64_" means 64-bit integers
    ("scipy_", "64_"),
    ("scipy_", ""),
    ("", "64_"),
    ("", ""),
)


@dataclass(frozen=True)
class OpenBLAS:
    """OpenBLAS as a shared library.

    Attributes
    ----------
    path : str
    prefix, suffix : str
        What precedes and follows the usual names of its functions.
    """

    path: str
    prefix: str
    suffix: str

    @property
    def wide(self) -> bool:
        """Whether the library's integers have 64 bits."""
        return self.suffix == "64_"

    def symbol(self, name: str) -> str:
        """Return the library's name of a function such as ``cblas_sgemm``."""
        return f"{self.prefix}{name}{self.suffix}"

    def text(self, what: str) -> str:
        """Return the text of ``openblas_get_config`` or ``…corename``; empty if there is none."""
        function = self._function(f"openblas_get_{what}")
        if function is None:
            return ""
        function.restype = ctypes.c_char_p
        text: bytes = function()
        return text.decode()

    @property
    def threads(self) -> int | None:
        """The number of threads that compute a large product; None if unknown."""
        function = self._function("openblas_get_num_threads")
        return None if function is None else int(function())

    def set_threads(self, n: int) -> None:
        """Set the number of threads of all products from now on, in the whole process."""
        function = self._function("openblas_set_num_threads")
        if function is not None:
            function(ctypes.c_int(n))

    def has(self, name: str) -> bool:
        """Whether the library has the function."""
        return self._function(name) is not None

    def _function(self, name: str) -> Any:
        return getattr(self._library, self.symbol(name), None)

    @property
    def _library(self) -> ctypes.CDLL:
        """The library, opened only once: a fit asks for its threads around every piece of steps.

        Python 3.11's cached_property has a lock, which could be locked in the child of a fork. So
        it is not used here.
        """
        if "library" not in self.__dict__:
            self.__dict__["library"] = ctypes.CDLL(self.path)
        library: ctypes.CDLL = self.__dict__["library"]
        return library


@cache
def bundled() -> OpenBLAS | None:
    """Return NumPy's OpenBLAS; None if NumPy uses a different BLAS, or one that lies elsewhere."""
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
    """Run products within a block on at most n threads; None changes nothing.

    It yields the number of threads that applies, or None if unknown. Blocks of fits in two threads
    may overlap: then the smallest n applies until its own block ends. At the end of the last block,
    the original number is restored.
    """
    library = bundled()
    if library is None or n is None:
        yield None if library is None else library.threads
        return
    limit = _Limit(get_ident(), n)
    try:  # includes _set, which Ctrl-C may interrupt
        yield _set(library, limit)
    finally:
        _lift(library, limit)


@dataclass(frozen=True, eq=False)
class _Limit:
    """A block of `blas_threads` that has not ended yet."""

    thread: int
    n: int


_lock = Lock()
_limits: list[_Limit] = []
_usual: int | None = None  # the number of threads before all limits


def usual_threads() -> int | None:
    """Return the number of threads outside all blocks of `blas_threads`; None if unknown."""
    library = bundled()
    with _lock:
        if _usual is not None:
            return _usual
        return None if library is None else library.threads


def _set(library: OpenBLAS, limit: _Limit) -> int | None:
    """Apply the smallest limit of all blocks and return it; None if the old one is unknown."""
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
    """Set the library's threads to the smallest limit, or to the original number if smaller."""
    assert _usual is not None
    least = min([limit.n for limit in _limits] + [_usual])
    if library.threads != least:
        library.set_threads(least)
    return least


def _after_fork_in_child() -> None:
    """Drop the limits and the lock of other threads, which a fork does not copy."""
    global _lock, _usual
    _lock = Lock()
    _limits[:] = [limit for limit in _limits if limit.thread == get_ident()]
    if _usual is not None and (library := bundled()) is not None:
        _apply(library)
    _usual = _usual if _limits else None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

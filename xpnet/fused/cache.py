"""Sources of programs on disk, where numba keeps what it compiled of them between runs.

The folder is $XPNET_CACHE, or xpnet in the user's cache folder; a temporary one where that cannot
be written to. Everything in it can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from xpnet._version import __version__
from xpnet.files import whole_file
from xpnet.openblas import bundled

__all__ = ["folder", "forget", "is_compiled", "load", "mark_compiled", "numba_version"]

_COMPILED_IN = "barrier", "functions", "options", "products", "runtime", "tiled", "tiles"


def folder() -> Path:
    """Where sources and compiled code are kept."""
    try:
        path = _wanted()
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK)
    except (OSError, RuntimeError):  # a user without a home is a RuntimeError
        writable = False
    return path if writable else _temporary()


def _wanted() -> Path:
    if named := os.environ.get("XPNET_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xpnet"


@cache
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="xpnet-"))


@cache
def numba_version() -> str | None:
    """Numba's version, without importing it; None where it is not installed."""
    try:
        return importlib.metadata.version("numba")
    except importlib.metadata.PackageNotFoundError:
        return None


@cache
def _compiled_in() -> str:
    """A digest of the functions that are compiled into every program.

    numba compiles a program anew when its own file changes, and looks at no other.
    """
    digest = hashlib.sha256()
    for name in _COMPILED_IN:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def _name(source: str) -> str:
    """Of its module; machine code calls the BLAS by the name that it has here."""
    blas = bundled()
    made_of = __version__, _compiled_in(), blas and blas.symbol("cblas_sgemm"), source
    return "run_" + hashlib.sha256("\n".join(map(str, made_of)).encode()).hexdigest()[:20]


def _mark(source: str) -> Path:
    """A file that is there once the source was compiled by this numba on such a machine."""
    made_by = f"{numba_version()}-{platform.python_version()}-{platform.machine()}"
    return folder() / f"{_name(source)}.{made_by}.compiled"


def is_compiled(source: str) -> bool:
    """Whether an earlier run compiled it."""
    return _mark(source).exists()


def mark_compiled(source: str) -> None:
    """Note that it is compiled."""
    if not is_compiled(source):  # another user's mark cannot be touched
        _mark(source).touch()


def load(source: str) -> Callable[..., None]:
    """Its function ``run``; numba compiles it at the first call, or takes it from the cache."""
    name = _name(source)
    if name not in sys.modules:
        path = folder() / f"{name}.py"
        if not path.exists() or path.read_bytes() != source.encode():
            with whole_file(path) as file:
                file.write(source.encode())
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    run: Callable[..., None] = sys.modules[name].run
    return run


def forget(source: str) -> None:
    """Delete what numba kept of it, such as a file that a power cut left half written."""
    run: Any = load(source)
    for file in Path(run.stats.cache_path).glob(f"{_name(source)}.*.nb[ci]"):
        file.unlink(missing_ok=True)

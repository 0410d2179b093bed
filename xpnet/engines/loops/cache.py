"""Sources of programs on disk, where numba keeps what it compiled of them between runs.

The folder is $XPNET_CACHE, or xpnet in the user's cache folder; a temporary one where that cannot
be written to, or where others could put files into it. Everything in it can be deleted at any time.

    run_….py              a program's source
    run_….….compiled      the digests of the files that numba wrote of it
    __pycache__/run_….nb? those files: an index, which is a pickle, and machine code
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from xpnet._version import __version__
from xpnet.backends.openblas import bundled
from xpnet.engines.loops.own_folder import at_fault, is_own_file, made
from xpnet.errors import warn

__all__ = [
    "check",
    "folder",
    "forget",
    "is_compiled",
    "load",
    "mark_compiled",
    "numba_version",
    "prepare",
]

_COMPILED_IN = "barrier", "functions", "options", "products", "runtime", "tiled", "tiles"


def folder() -> Path:
    """Where sources and compiled code are kept."""
    try:
        path = _wanted().resolve()
        for each in (path, _of_numba(path)):
            made(each)
        fault = at_fault(_of_numba(path)) or at_fault(path)
        writable = os.access(path, os.W_OK)
    except (OSError, RuntimeError):  # a user without a home is a RuntimeError
        return _temporary()
    return _in_place_of(path, fault) if fault else path if writable else _temporary()


def _wanted() -> Path:
    if named := os.environ.get("XPNET_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xpnet"


def _of_numba(path: Path) -> Path:
    return path / "__pycache__"


@cache
def _in_place_of(path: Path, fault: str) -> Path:
    """A folder of this process, with one warning."""
    warn(
        f"compiled code is not kept in {path}: {fault}, and what lies there would be run. Delete "
        "it and let only yourself write there, or name another folder in XPNET_CACHE"
    )
    return _temporary()


@cache
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="xpnet-")).resolve()


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
    return _mark(source).is_file()


def mark_compiled(source: str) -> None:
    """Note that it is compiled, with the digests of what numba wrote."""
    with suppress(OSError):  # a full disk, for one: it is compiled anew in the next process
        _put(_mark(source), _digests(source))


def check(source: str) -> None:
    """Delete what numba kept of it where that is not what was marked: no damaged code is run."""
    mark = _mark(source)
    try:
        whole = is_own_file(mark) and mark.read_bytes() == _digests(source)
    except OSError:
        whole = False
    if not whole:
        forget(source)


def load(source: str) -> Callable[..., None]:
    """Its function ``run``; numba compiles it at the first call, or takes it from the cache."""
    name = _name(source)
    if name not in sys.modules:
        sys.modules[name] = _module(name, source, _written(name, source))
    run: Callable[..., None] = sys.modules[name].run
    return run


def prepare(source: str, call: Callable[[], None]) -> None:
    """Have it compiled, or taken from the cache, by a first ``call`` that does nothing else."""
    run: Any = load(source)
    known = len(run.signatures)
    if not known:
        check(source)
    try:
        call()
    except Exception:  # damage may raise anything, and so may a full disk
        forget(source)
        call()
    if len(run.signatures) > known or not is_compiled(source):
        mark_compiled(source)


def forget(source: str) -> None:
    """Delete what numba kept of it, such as a file that a power cut left half written."""
    for file in _kept(source):
        with suppress(OSError):
            file.unlink()


def _module(name: str, source: str, path: Path) -> Any:
    """Of the source that is given, whatever the file says, or a .pyc beside it."""
    module: Any = ModuleType(name)
    module.__file__ = str(path)
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    if hasattr(module.run, "enable_caching"):
        module.run = _keeping(module.run)
    return module


def _keeping(run: Any) -> Any:
    """The compiled function, kept on disk, unless $NUMBA_CACHE_DIR says where and others write."""
    from xpnet.engines.loops.runtime import compiled

    run.enable_caching()
    where = Path(run.stats.cache_path).resolve()
    fault = at_fault(where)
    if fault is None:
        return run
    _in_place_of(where, fault)
    return compiled(run.py_func)


def _written(name: str, source: str) -> Path:
    """The file of a source, by which numba tells whether its own files are of that one."""
    try:
        return _written_in(folder(), name, source.encode())
    except OSError:  # the disk is full, or something else has the name
        return _written_in(_temporary(), name, source.encode())


def _written_in(place: Path, name: str, source: bytes) -> Path:
    path = place / f"{name}.py"
    if not (path.exists() and is_own_file(path) and path.read_bytes() == source):
        _put(path, source)
    return path


def _kept(source: str) -> list[Path]:
    """The files that numba keeps of a program that is loaded."""
    name = _name(source)
    stats = getattr(getattr(sys.modules.get(name), "run", None), "stats", None)
    if stats is None or stats.cache_path is None:
        return []
    return sorted(Path(stats.cache_path).glob(f"{name}.*.nb[ci]"))


def _digests(source: str) -> bytes:
    """A line for each of these files; OSError where one cannot be read, or is another user's."""
    lines = []
    for file in _kept(source):
        if not is_own_file(file):
            raise PermissionError(f"{file} is not the user's own")
        lines.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()} {file.name}\n")
    return "".join(lines).encode()


def _put(path: Path, data: bytes) -> None:
    """Write a file for the user alone, whole or not at all, in the place of whatever is there.

    `xpnet.whole_file` would write through a link, and with a mode that lets others read.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

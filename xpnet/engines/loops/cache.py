"""Keeps the sources of programs on disk, and beside them what numba compiled from them.

The folder is $XPNET_CACHE, or xpnet in the user's cache folder. It is a temporary folder if that
one cannot be written to, or if others could put files into it. Everything in it can be deleted at
any time.

    run_….py              a program's source
    run_….….compiled      the digests of the files that numba wrote for it
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
    """Return the folder of sources and compiled code."""
    try:
        path = _wanted().resolve()
        for each in (path, _of_numba(path)):
            made(each)
        fault = at_fault(_of_numba(path)) or at_fault(path)
        writable = os.access(path, os.W_OK)
    except (OSError, RuntimeError):  # a user without a home folder raises RuntimeError
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
    """Warn once, and return a temporary folder of this process instead."""
    warn(
        f"compiled code is not kept in {path}: {fault}, and the code there would be run. Delete "
        "it and make the folder writable only for yourself, or name a different folder in "
        "XPNET_CACHE"
    )
    return _temporary()


@cache
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="xpnet-")).resolve()


@cache
def numba_version() -> str | None:
    """Return numba's version without importing it; None if it is not installed."""
    try:
        return importlib.metadata.version("numba")
    except importlib.metadata.PackageNotFoundError:
        return None


@cache
def _compiled_in() -> str:
    """Return a digest of the functions that are compiled into every program.

    numba recompiles a program only when the program's own file changes; it checks no other file.
    """
    digest = hashlib.sha256()
    for name in _COMPILED_IN:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def _name(source: str) -> str:
    """Return the name of a source's module, which contains a digest.

    The digest includes the BLAS's name of a function, because the machine code calls it by that.
    """
    blas = bundled()
    made_of = __version__, _compiled_in(), blas and blas.symbol("cblas_sgemm"), source
    return "run_" + hashlib.sha256("\n".join(map(str, made_of)).encode()).hexdigest()[:20]


def _mark(source: str) -> Path:
    """Return the path of a file that exists if the source is compiled.

    The file's name includes numba's version, Python's version and the type of the machine.
    """
    made_by = f"{numba_version()}-{platform.python_version()}-{platform.machine()}"
    return folder() / f"{_name(source)}.{made_by}.compiled"


def is_compiled(source: str) -> bool:
    """Whether the source is compiled already, by this process or an earlier one."""
    return _mark(source).is_file()


def mark_compiled(source: str) -> None:
    """Record that the source is compiled, with the digests of the files that numba wrote."""
    with suppress(OSError):  # such as a full disk: the next process compiles it again
        _put(_mark(source), _digests(source))


def check(source: str) -> None:
    """Delete a source's compiled files if their digests are not those recorded.

    So no damaged code is run.
    """
    mark = _mark(source)
    try:
        whole = is_own_file(mark) and mark.read_bytes() == _digests(source)
    except OSError:
        whole = False
    if not whole:
        forget(source)


def load(source: str) -> Callable[..., None]:
    """Return a source's ``run``; its first call compiles it, or reads it from the cache."""
    name = _name(source)
    if name not in sys.modules:
        sys.modules[name] = _module(name, source, _written(name, source))
    run: Callable[..., None] = sys.modules[name].run
    return run


def prepare(source: str, call: Callable[[], None]) -> None:
    """Compile a source, or read it from the cache, by a first ``call`` that does no steps."""
    run: Any = load(source)
    known = len(run.signatures)
    if not known:
        check(source)
    try:
        call()
    except Exception:  # damaged files may raise anything, and so may a full disk
        forget(source)
        call()
    if len(run.signatures) > known or not is_compiled(source):
        mark_compiled(source)


def forget(source: str) -> None:
    """Delete a source's compiled files, one of which a power cut may have left half written."""
    for file in _kept(source):
        with suppress(OSError):
            file.unlink()


def _module(name: str, source: str, path: Path) -> Any:
    """Make a module from the given source, and not from the file or a .pyc beside it."""
    module: Any = ModuleType(name)
    module.__file__ = str(path)
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    if hasattr(module.run, "enable_caching"):
        module.run = _keeping(module.run)
    return module


def _keeping(run: Any) -> Any:
    """Return the compiled function ``run``, kept on disk.

    It is not kept if $NUMBA_CACHE_DIR names a folder that others may write to.
    """
    from xpnet.engines.loops.runtime import compiled

    run.enable_caching()
    where = Path(run.stats.cache_path).resolve()
    fault = at_fault(where)
    if fault is None:
        return run
    _in_place_of(where, fault)
    return compiled(run.py_func)


def _written(name: str, source: str) -> Path:
    """Write a source to its file, and return the path.

    numba looks at this file to tell whether its compiled files belong to that source.
    """
    try:
        return _written_in(folder(), name, source.encode())
    except OSError:  # the disk is full, or something other than a file has that name
        return _written_in(_temporary(), name, source.encode())


def _written_in(place: Path, name: str, source: bytes) -> Path:
    path = place / f"{name}.py"
    if not (path.exists() and is_own_file(path) and path.read_bytes() == source):
        _put(path, source)
    return path


def _kept(source: str) -> list[Path]:
    """Return the files that numba keeps for a loaded program."""
    name = _name(source)
    stats = getattr(getattr(sys.modules.get(name), "run", None), "stats", None)
    if stats is None or stats.cache_path is None:
        return []
    return sorted(Path(stats.cache_path).glob(f"{name}.*.nb[ci]"))


def _digests(source: str) -> bytes:
    """Return a line with digest and name for each compiled file of a source.

    Raises
    ------
    OSError
        A file cannot be read, or belongs to another user.
    """
    lines = []
    for file in _kept(source):
        if not is_own_file(file):
            raise PermissionError(f"{file} is not a file of this user")
        lines.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()} {file.name}\n")
    return "".join(lines).encode()


def _put(path: Path, data: bytes) -> None:
    """Write a file that only the user can read, whole or not at all, replacing what was there.

    `xpnet.whole_file` would write through a link, and with a mode that lets others read the file.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

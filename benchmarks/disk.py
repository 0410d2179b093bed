"""Let a disk fail while xpnet writes a file: afterwards the file is the old or the new one.

A part of `python -m benchmarks faults`. Each writer replaces a good file. A layer over `os` lets
its k-th call fail, for every k, with ENOSPC and with EIO; half of a write that fails is done
before. Then the file may not exceed a number of bytes (RLIMIT_FSIZE), and lies on a full disk, a
tmpfs, if this process may mount one. The file must be one of the two to the bit and can be read,
and nothing else may be left in its folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import xpnet
from xpnet.layers import BatchNorm
from xpnet.tables import Schema, Table, save_model, write_csv
from xpnet.tables import load as load_model

__all__ = ["WRITERS", "Failing", "Writer", "failed", "limited", "mounted"]

CODES = (errno.ENOSPC, errno.EIO)
STEPS = (0, 1, 4095, 4096, 8192, 20_000)  # bytes that a file may have, or that are left on the disk
RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(40, 3)).astype(np.float32), RNG.integers(0, 2, 40)
TABLE = Table({"x": RNG.normal(size=40), "y": np.asarray(["a", "b"])[LABELS]})


class Failing:
    """The calls that write files, of which the k-th fails; 0 only counts them."""

    def __init__(self, k: int, code: int) -> None:
        self.calls, self._k, self._code = 0, k, code

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Fail within this context."""
        with contextlib.ExitStack() as stack:
            for name in ("open", "fdopen", "fsync", "replace", "chmod", "chown"):
                stack.enter_context(patch.object(os, name, self._counted(name)))
            yield

    def _counted(self, name: str) -> Callable[..., Any]:
        function = getattr(os, name)

        def counted(*given: Any, **keywords: Any) -> Any:
            self.count()
            found = function(*given, **keywords)
            return _File(found, self) if name == "fdopen" and given[1:] == ("wb",) else found

        return counted

    def count(self, before: Callable[[], Any] = lambda: None) -> None:
        """Count a call; if it is the k-th, call ``before`` and raise its error."""
        self.calls += 1
        if self.calls == self._k:
            before()
            raise OSError(self._code, os.strerror(self._code))


class _File:
    """A file whose writes are counted."""

    def __init__(self, file: Any, failing: Failing) -> None:
        self._file, self._failing = file, failing

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, data: Any) -> Any:
        half = bytes(data)[: len(data) // 2]
        self._failing.count(lambda: self._file.write(half))
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Writer(NamedTuple):
    """How a file is written, in one of two versions, and read."""

    write: Callable[[Path, int], Any]
    read: Callable[[Path], Any]
    raises: bool = True  # a fit goes on without its checkpoint


def _net(version: int) -> xpnet.Network:
    return xpnet.Network([3, 40, BatchNorm(), 2], loss="cross_entropy", rng=version)


def _checkpoint(path: Path, version: int) -> None:
    settings: dict[str, Any] = {"epochs": version, "batch_size": 10, "compile": False}
    _net(0).fit(
        X, LABELS, checkpoint=path, checkpoint_every=3, overwrite=True, resume=False, **settings
    )


def _table_model(path: Path, version: int) -> None:
    schema = Schema.fit(TABLE, "y")
    loss = schema.target.loss
    net = xpnet.Network([schema.width, 30, schema.target.width], loss=loss, rng=version)
    save_model(net, schema, path)


def _csv(path: Path, version: int) -> None:
    write_csv(path, {"a": np.arange(2000) + version, "b": np.repeat(["x", "y"], 1000)})


WRITERS = {
    "checkpoint": Writer(_checkpoint, xpnet.Checkpoint.read, raises=False),
    "model": Writer(lambda path, version: _net(version).save(path), xpnet.load),
    "table's model": Writer(_table_model, load_model),
    "CSV": Writer(_csv, xpnet.tables.read_csv),
}


class _Case:
    """A writer in a folder; what is counted, and what goes wrong."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.writer, self.counts = name, WRITERS[name], Counter[str]()
        self.path, self.wrong = folder / "f", list[str]()
        self.writer.write(folder / "new", 2)
        self._new = self._content(folder / "new")
        (folder / "new").unlink()
        self.writer.write(self.path, 1)
        self._kept, self._old = self.path.read_bytes(), self._content(self.path)

    def _content(self, path: Path) -> Any:
        """Return the bytes of a file; of a checkpoint, which has times, its position and θ."""
        if self.name != "checkpoint":
            return path.read_bytes()
        state = xpnet.Checkpoint.read(path).state
        return state.steps, state.theta.tobytes()

    def attempt(self, what: str, context: contextlib.AbstractContextManager[Any]) -> None:
        """Write the new version within the context, and look at what is there afterwards."""
        raised = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of the fit that goes on
                with context:
                    self.writer.write(self.path, 2)
        except (OSError, xpnet.FileError) as error:
            raised = type(error).__name__
        except BaseException as error:
            self.wrong.append(f"{self.name}, {what}: {type(error).__name__}: {error}")
        self._look(what, raised)
        self.path.write_bytes(self._kept)

    def _look(self, what: str, raised: str) -> None:
        there = sorted(os.listdir(self.path.parent))
        if there != ["f"]:
            self.wrong.append(f"{self.name}, {what}: {there} are left")
        try:
            self.writer.read(self.path)
            content = self._content(self.path)
        except Exception as error:
            self.wrong.append(f"{self.name}, {what}: {type(error).__name__}: {error}")
            return
        found = {self._old: "old", self._new: "new"}.get(content, "between")
        self.counts[found] += 1
        if found == "between" and self.writer.raises:
            self.wrong.append(f"{self.name}, {what}: other content")
        if found == "old" and self.writer.raises and not raised:
            self.wrong.append(f"{self.name}, {what}: no error, but the old file")


def failed(name: str, folder: Path) -> tuple[Counter[str], list[str]]:
    """Let each call of a writer fail; return what the file was then, and what went wrong."""
    case, every = _Case(name, folder), Failing(0, 0)
    with every.here():
        case.writer.write(case.path, 2)
    case.path.write_bytes(case._kept)
    for code in CODES:
        for k in range(1, every.calls + 1):
            case.attempt(f"call {k}, {errno.errorcode[code]}", Failing(k, code).here())
    return case.counts, case.wrong


def limited(name: str, folder: Path) -> tuple[Counter[str], list[str]]:
    """Let no file grow beyond some bytes."""
    case = _Case(name, folder)
    for size in STEPS:
        case.attempt(f"files of {size} bytes", _file_size(size))
    return case.counts, case.wrong


@contextlib.contextmanager
def _file_size(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def mounted(name: str, folder: Path) -> tuple[Counter[str], list[str]] | None:
    """Let the disk be full, up to some bytes; return None if nothing may be mounted here."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        return None
    try:
        case = _Case(name, disk)
        for left in STEPS:
            case.attempt(f"{left} bytes left", _filled(disk, left))
        return case.counts, case.wrong
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@contextlib.contextmanager
def _filled(disk: Path, left: int) -> Iterator[None]:
    """Leave only some bytes of a disk."""
    ballast = disk / ".ballast"
    found = os.statvfs(disk)
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, found.f_bavail * found.f_frsize - left))
    try:
        yield
    finally:
        ballast.unlink()


def faults() -> dict[str, Any]:
    """Run everything; return the counts, and what went wrong."""
    counts, wrong = dict[str, dict[str, Any]](), list[str]()
    for how in (failed, limited, mounted):
        for name in WRITERS:
            with tempfile.TemporaryDirectory() as folder:
                found = how(name, Path(folder))
            counts.setdefault(name, {})[how.__name__] = "not allowed" if found is None else found[0]
            wrong += [] if found is None else found[1]
    return {**counts, "wrong": wrong}

"""A lock on a checkpoint, so that two runs do not overwrite each other's.

Beside run.ckpt lies run.ckpt.lock, with the process's id and host as JSON. Its writer holds
``flock`` on it; the system releases that when the process ends, however it ends. Where there are no
such locks, the process id tells whether the writer is still there.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from xpnet.errors import CheckpointError, printable
from xpnet.whole_file import is_named, lock_handle

__all__ = ["locked"]

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_MOST = 1000  # bytes of a lock file that are read


class _Holder(NamedTuple):
    process: int
    host: str

    def is_gone(self) -> bool:
        """Whether it was a process of this machine that has ended."""
        elsewhere = self.host != socket.gethostname() or os.name != "posix"
        if elsewhere or self.process == os.getpid():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # it is another user's
            return False
        return False


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock of the checkpoint ``path`` until the end of the block.

    Raises
    ------
    CheckpointError
        Another process, or another fit of this one, holds it. Or a file of that name is not a lock.
    """
    name = f"{os.path.realpath(path)}.lock"
    handle = _taken(name, path)
    try:
        yield
    finally:
        with suppress(OSError):
            if is_named(handle, name):
                os.unlink(name)
        os.close(handle)


def _taken(name: str, path: str) -> int:
    """Lock the file and write this process into it; return its handle."""
    while True:
        handle = os.open(name, _FLAGS, 0o666)
        try:
            free, holder = lock_handle(handle, wait=False), _read(handle)
            if holder is None and os.fstat(handle).st_size:
                raise CheckpointError(f"{name!r} is in the way: it is not the lock of a checkpoint")
            if free is None:  # no locks here: the process id must do
                free = holder is None or holder.is_gone()
            if free and is_named(handle, name):
                _write(handle)
                return handle
            if not free and not (holder and holder.is_gone()):
                raise CheckpointError(f"{path!r} is in use: {_said(holder, name)}")
            if not free and is_named(handle, name):  # a child of the process that ended has it
                os.unlink(name)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _read(handle: int) -> _Holder | None:
    """The process in a lock file; None if it is empty, or not readable."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found = json.loads(os.read(handle, _MOST))
        return _Holder(int(found["process"]), str(found["host"]))
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        return None


def _write(handle: int) -> None:
    text = json.dumps({"process": os.getpid(), "host": socket.gethostname()})
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, text.encode() + b"\n")


def _said(holder: _Holder | None, name: str) -> str:
    if holder is None:
        return f"another process has {name!r}"
    if (holder.process, holder.host) == (os.getpid(), socket.gethostname()):
        return "another fit of this process writes it"
    return (
        f"process {holder.process} on {printable(holder.host, 80)} writes it; if that process is "
        f"gone for certain, remove {name!r}"
    )

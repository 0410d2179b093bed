"""A lock on a checkpoint, so that two runs do not overwrite each other's.

Beside run.ckpt lies run.ckpt.lock, with its process as JSON. Its writer holds ``flock`` on it; the
system releases that when the process ends, however it ends. A file that is locked is never removed
or replaced, whatever it says.

Some file systems have no such locks. There the file itself is the lock: only one process can make
it. It is taken over if its process is gone. If that cannot be seen, since the process belongs to
another machine or container, it is taken over once its fit has not touched it for five minutes.
A fit whose lock was taken over nevertheless ends with an error before it writes again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from xpnet.errors import CheckpointError, printable
from xpnet.file_system import close_and_remove, is_named, lock_handle
from xpnet.files.process import Process, this_process
from xpnet.whole_file import temporary_name

__all__ = ["Lock", "locked"]

_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_NEW = _FLAGS | os.O_CREAT | os.O_EXCL
_TRIES = 100  # of a file that other processes remove while it is opened
_MOST = 1000  # bytes of a lock file that are read
_HINT = "; if that process is gone for certain, remove {!r}"
_TOUCHED = 10.0  # seconds between two signs of life
_LEASE = 300.0  # seconds without one after which a process that cannot be seen counts as gone

_handles: set[int] = set()  # of locks that this process holds


class Lock:
    """A lock that this process holds."""

    def __init__(self, path: str) -> None:
        self._name, self._path = f"{os.path.realpath(path)}.lock", path
        self._own, self._touched = this_process(), time.monotonic()
        self._handle = _taken(self._name, path, self._own)
        _handles.add(self._handle)

    def touch(self) -> None:
        """Show that the fit is still there, at most every ten seconds.

        Raises
        ------
        CheckpointError
            Another process has taken the lock over.
        """
        if time.monotonic() - self._touched < _TOUCHED:
            return
        self.check()
        self._touched = time.monotonic()
        with suppress(OSError):
            os.utime(self._name)

    def check(self) -> None:
        """Raise CheckpointError if another process has taken the lock over."""
        holder = _holder(self._name)
        if holder is not None and holder != self._own:
            raise CheckpointError(
                f"{self._path!r} is no longer this fit's: {_said(holder, self._name)}"
            )

    def release(self) -> None:
        """Remove the file, unless it is another process's by now."""
        if self._handle not in _handles:  # a child that was forked has none
            return
        _handles.discard(self._handle)
        with suppress(OSError):
            close_and_remove(self._handle, self._name)


@contextmanager
def locked(path: str) -> Iterator[Lock]:
    """Hold the lock of the checkpoint ``path`` until the end of the block.

    Raises
    ------
    CheckpointError
        Another process, or another fit of this one, holds it; or the file cannot be made; or a
        file of that name is not a lock.
    """
    try:
        lock = Lock(path)
    except OSError as error:
        raise CheckpointError(f"{path!r} cannot be locked: {error}") from error
    try:
        yield lock
    finally:
        lock.release()


def _taken(name: str, path: str, own: Process) -> int:
    """Lock the file and write this process into it; return its handle."""
    for _ in range(_TRIES):
        opened = _opened(name)
        if opened is None:
            continue
        handle, is_new = opened
        try:
            free, holder = lock_handle(handle, wait=False), _read(handle)
            if holder is None and os.fstat(handle).st_size:
                raise CheckpointError(
                    f"{name!r} is in the way: it is not the lock of a checkpoint, remove it or "
                    "give a different file"
                )
            hint = ""
            if free is None:  # no locks here
                free = is_new or (_is_left(handle, holder, name) and _removed(handle, name))
                hint = _HINT.format(name)
            if not free:
                raise CheckpointError(f"{path!r} is in use: {_said(holder, name, hint)}")
            if is_named(handle, name):
                _write(handle, own)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    raise CheckpointError(
        f"{path!r} cannot be locked: {name!r} does not keep its name on this file system"
    )


def _opened(name: str) -> tuple[int, bool] | None:
    """Open the file, and say whether it was made; None if it was there, and is gone by now."""
    try:
        return os.open(name, _NEW, 0o666), True
    except FileExistsError:
        with suppress(FileNotFoundError):
            return os.open(name, _FLAGS), False
    return None


def _is_left(handle: int, holder: Process | None, name: str) -> bool:
    """Whether the process of a lock without a system's lock is gone."""
    gone = None if holder is None else holder.is_gone()
    if gone is not None:
        return gone
    return _age(handle, name) > _LEASE


def _age(handle: int, name: str) -> float:
    """Seconds since a file was written or touched, by the clock of its file system."""
    with _beside(name) as other:
        made = os.open(other, _NEW, 0o600)
        now = os.fstat(made).st_mtime
        os.close(made)
    return now - os.fstat(handle).st_mtime


def _removed(handle: int, name: str) -> bool:
    """Remove a lock that was left; False if another process does so, or has done so.

    Of two processes that find the same lock left, the second one would remove the first one's new
    file. So only the process that has made a further file may look again, and remove it.
    """
    turn = f"{name}.removed"
    try:
        made = os.open(turn, _NEW, 0o600)
    except FileExistsError:
        return _forgotten(turn) and _removed(handle, name)
    try:
        if not is_named(handle, name):
            return False
        os.unlink(name)
        return True
    finally:
        close_and_remove(made, turn)


def _forgotten(turn: str) -> bool:
    """Remove the file of a process that ended while it removed a lock, and say whether it was."""
    with suppress(FileNotFoundError):
        found = os.open(turn, _FLAGS)
        is_old = _age(found, turn) > _LEASE
        os.close(found)
        if is_old:
            os.unlink(turn)
            return True
    return False


@contextmanager
def _beside(name: str) -> Iterator[str]:
    """Yield the name of a temporary file in the same folder, which is removed after the block."""
    other = temporary_name(os.path.dirname(name))
    try:
        yield other
    finally:
        with suppress(FileNotFoundError):
            os.unlink(other)


def _holder(name: str) -> Process | None:
    """The process in the lock file of that name; None if there is none, or it cannot be read."""
    try:
        handle = os.open(name, _FLAGS)
    except OSError:
        return None
    try:
        return _read(handle)
    finally:
        os.close(handle)


def _read(handle: int) -> Process | None:
    """The process in a lock file; None if it is empty, or not readable."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found = json.loads(os.read(handle, _MOST))
        texts = (str(found.get(name, "")) for name in ("host", "began", "space"))
        process = Process(int(found["process"]), *texts)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError):
        return None
    except RecursionError:
        return None
    return process if process.number > 0 else None


def _write(handle: int, own: Process) -> None:
    found = own._asdict()
    text = json.dumps({"process": found.pop("number"), **found})
    with suppress(OSError):  # on a full disk, the lock holds without a name
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, text.encode() + b"\n")


def _said(holder: Process | None, name: str, hint: str = "") -> str:
    if holder is None:
        return f"another process has {name!r}"
    if holder == this_process():
        return "another fit of this process writes it"
    return f"process {holder.number} on {printable(holder.host, 80)} writes it{hint}"


def _forget() -> None:
    """Close the locks in a forked child: the system would hold them until the child ends too."""
    for handle in _handles:
        os.close(handle)
    _handles.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

"""Write files whole or not at all.

xpnet writes its files here, with two exceptions: a log that grows by a line an epoch
(`xpnet.training.json_lines`) and the cache of compiled loops (`xpnet.engines.loops.cache`).

A file is written under a temporary name in the same folder, flushed to the disk, and renamed. Its
mode is that of the file it replaces, or the one that the umask gives a new file.

A process that is killed leaves its temporary file behind. The next write into the folder removes
it. A file that is still being written is not removed: its writer holds a lock on it, which the
system releases when the process ends.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from xpnet.errors import quoted
from xpnet.file_system import (
    close_and_remove,
    flush_folder,
    is_named,
    lock_handle,
    put_in_place,
    takes_open_files,
)

__all__ = [
    "check_writable",
    "open_regular",
    "path_of",
    "path_text",
    "temporary_name",
    "whole_file",
]

_TEMPORARY = re.compile(r"\.xpnet-[0-9a-f]{16}\.tmp")
_OLD = 86_400.0  # age in seconds of a leftover file, if the folder has no locks
_TRIES = 100  # of a temporary file that other processes remove while it is made
_MINUTE = 60.0
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # do not wait for a pipe's writer; it is refused anyway


def path_text(path: Any) -> str:
    """A file's name as text; TypeError if it is not a path, such as an open file."""
    try:
        return os.fsdecode(path)
    except TypeError as error:
        raise TypeError(
            f"a file's name must be a str or a pathlib.Path, got {quoted(path)}"
        ) from error


def path_of(path: Any) -> str:
    """Like `path_text`, but a ValueError if the name is empty, of a folder, or contains NUL."""
    text = path_text(path)
    if text.endswith(("/", os.sep)) and not os.path.isdir(text):  # else the folder is the error
        raise ValueError(f"a file's name must not end in a separator, got {quoted(text)}")
    if not text or "\0" in text:
        raise ValueError(f"a file's name must not be empty or contain NUL, got {quoted(text)}")
    return text


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to write to; it gets the name ``path`` when the block ends without an error.

    If ``path`` is a link, its target is written. Raises OSError as `check_writable` does, and if
    writing fails; the folder is then as before. Raises TypeError or ValueError as `path_of` does.
    """
    path = os.path.realpath(path_of(path))
    check_writable(path)
    folder = os.path.dirname(path)
    _sweep(folder)
    handle, temporary = _create(folder, path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
            if takes_open_files():  # renamed under the lock, or another process might remove it
                put_in_place(temporary, path)
        if not takes_open_files():
            put_in_place(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    flush_folder(folder)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that ``path`` can be written: its folder exists, and only a regular file is replaced.

    Raises
    ------
    OSError
        It cannot. A device, a pipe, a folder or a write-protected file is not replaced.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} to write {path!r} into")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the folder {folder!r} cannot be written to")
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileExistsError(f"{path!r} is not a regular file, so it is left unchanged")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PermissionError(f"{path!r} is write-protected, so it is left unchanged")


def open_regular(path: str | os.PathLike[str], what: str = "file") -> int:
    """Open a regular file to read and return its descriptor; a pipe, for one, is refused.

    Raises
    ------
    FileNotFoundError
        There is no such file, or it is a folder, a pipe or a device.
    OSError
        It cannot be read.
    """
    missing = f"there is no {what} {quoted(os.fspath(path), 4096)}"
    if os.path.isdir(path):
        raise FileNotFoundError(f"{missing}: it is a folder")
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | _NO_WAIT)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: it has a NUL
        raise FileNotFoundError(missing) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(f"{missing}: it is not a regular file")
    return handle


def temporary_name(folder: str) -> str:
    """A new name for a temporary file in the folder, which later writes there remove."""
    return os.path.join(folder, f".xpnet-{os.urandom(8).hex()}.tmp")


def _create(folder: str, path: str) -> tuple[int, str]:
    """Create a temporary file and lock it; its mode and owner are those of ``path``."""
    old = os.stat(path) if os.path.exists(path) else None
    mode = 0o666 if old is None else stat.S_IMODE(old.st_mode) & 0o777
    for _ in range(_TRIES):
        temporary = temporary_name(folder)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY
        handle = os.open(temporary, flags, mode)  # the umask may remove bits of it
        try:
            lock_handle(handle)
            if is_named(handle, temporary):
                if old is not None:
                    _as_before(handle, temporary, old, mode)
                return handle, temporary
            os.close(handle)  # removed by another process before it was locked: try again
        except BaseException:
            os.close(handle)
            os.unlink(temporary)
            raise
    raise OSError(f"temporary files in {folder!r} do not keep their names, so none is written")


def _as_before(handle: int, temporary: str, old: os.stat_result, mode: int) -> None:
    """Give the file the old one's mode, and its owner if this user may."""
    new = os.fstat(handle)
    if hasattr(os, "chown") and (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(OSError):
            os.chown(temporary, old.st_uid, old.st_gid)
    if stat.S_IMODE(new.st_mode) != mode:
        os.chmod(temporary, mode)


def _sweep(folder: str) -> None:
    """Remove temporary files whose writers have ended."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):  # another user's file, or already removed
                    _remove_if_left(entry.path)


def _remove_if_left(path: str) -> None:
    handle = os.open(path, os.O_RDWR | _BINARY | _NO_WAIT)
    free, age = lock_handle(handle, wait=False), time.time() - os.fstat(handle).st_mtime
    if free is None:
        free = age > _OLD
    elif not takes_open_files():  # a file that is about to be renamed has no lock
        free = free and age > _MINUTE
    if free:
        close_and_remove(handle, path)
    else:
        os.close(handle)

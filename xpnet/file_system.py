"""What systems do differently with files: locks, and the renaming and removal of open ones.

POSIX has ``flock``. An open file can be renamed and removed, so both are done under its lock, and
a folder can be flushed to the disk. On Windows, a part of a file is locked, which others then
cannot read; so it is a part far behind the end. An open file can be neither renamed nor removed,
and none can be put in its place, which is tried again for a second.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None
msvcrt: ModuleType | None
try:
    import msvcrt
except ImportError:
    msvcrt = None

__all__ = [
    "close_and_remove",
    "flush_folder",
    "is_named",
    "lock_handle",
    "put_in_place",
    "takes_open_files",
]

WINDOWS = os.name == "nt"
_PLACE = 1 << 30  # of the byte that Windows locks
_PAUSE, _TRIES = 0.05, 20


def takes_open_files() -> bool:
    """Whether an open file can be renamed and removed."""
    return not WINDOWS


def lock_handle(handle: int, wait: bool = True) -> bool | None:
    """Lock the file: True if it is ours now, False if another has it, None without locks."""
    if WINDOWS:
        return _locked_on_windows(handle, wait)
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _locked_on_windows(handle: int, wait: bool) -> bool | None:
    if msvcrt is None:
        return None
    at = os.lseek(handle, 0, os.SEEK_CUR)
    try:
        while True:
            os.lseek(handle, _PLACE, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                if not wait:
                    return False
                time.sleep(_PAUSE)
                continue
            except OSError:
                return None
            return True
    finally:
        os.lseek(handle, at, os.SEEK_SET)


def is_named(handle: int, path: str) -> bool:
    """Whether ``path`` still names the open file."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def put_in_place(temporary: str, path: str) -> None:
    """Rename the file; on Windows, try for a second if a reader has the old one open."""
    for left in range(_TRIES if WINDOWS else 1, 0, -1):
        try:
            os.replace(temporary, path)
        except PermissionError:
            if left == 1:
                raise
            time.sleep(_PAUSE)
        else:
            return


def close_and_remove(handle: int, path: str) -> None:
    """Close the file, and remove it if ``path`` still names it; it stays if that fails."""
    try:
        named = is_named(handle, path)
        if named and takes_open_files():
            os.unlink(path)
    finally:
        os.close(handle)
    if named and not takes_open_files():
        with suppress(OSError):  # another process has opened it meanwhile
            os.unlink(path)


def flush_folder(folder: str) -> None:
    """Flush the folder to the disk, so that a new name survives a power cut too.

    The file already has its name. Some file systems (CIFS, FUSE) cannot flush a folder; that is
    not an error. Windows cannot open one.
    """
    if WINDOWS:
        return
    with suppress(OSError):
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

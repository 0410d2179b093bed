"""Folders that nobody but the user, and root, can put files into.

What lies in the cache is run: machine code, and numba's index, which is a pickle.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["at_fault", "is_own_file", "made"]

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def made(path: Path) -> None:
    """Make a folder where there is none, with those above it, for the user alone.

    Raises
    ------
    OSError
        It cannot be made.
    """
    if not path.parent.is_dir():
        made(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def at_fault(folder: Path) -> str | None:
    """Why others may put something there, or something else in its place; None where none can.

    ``folder`` is without links. Above it a folder that all can write to is as good where only its
    owner can move what lies in it, such as /tmp.
    """
    if not hasattr(os, "getuid"):  # elsewhere a user's folders are the user's by other rules
        return None
    for path in (folder, *folder.parents):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            return f"{path} is no folder"
        if found.st_uid != os.getuid() and (path == folder or found.st_uid != 0):
            return f"{path} belongs to another user"
        sticky = path != folder and found.st_mode & stat.S_ISVTX
        if found.st_mode & _OTHERS and not sticky:
            return f"others may write to {path}"
    return None


def is_own_file(path: Path) -> bool:
    """Whether it is a file, and no link, that nobody else has put there."""
    found = path.lstat()
    own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return own and stat.S_ISREG(found.st_mode)

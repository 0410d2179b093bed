"""Folders into which only the user and root can put files.

Files of the cache are executed: they hold machine code, and numba's index, which is a pickle.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["at_fault", "is_own_file", "made"]

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def made(path: Path) -> None:
    """Make a folder, and missing folders above it, that only the user can access.

    A folder that exists stays as it is.

    Raises
    ------
    OSError
        The folder cannot be made.
    """
    if not path.parent.is_dir():
        made(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def at_fault(folder: Path) -> str | None:
    """Return why others can put files into a folder, or replace it; None if they cannot.

    The path ``folder`` must contain no symbolic links. Folders above it may be writable for all if
    they are sticky, as /tmp is: there, only its owner can move a file or a folder.
    """
    if not hasattr(os, "getuid"):  # Windows protects a user's folders by other rules
        return None
    for path in (folder, *folder.parents):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            return f"{path} is not a folder"
        if found.st_uid != os.getuid() and (path == folder or found.st_uid != 0):
            return f"{path} belongs to another user"
        sticky = path != folder and found.st_mode & stat.S_ISVTX
        if found.st_mode & _OTHERS and not sticky:
            return f"others may write to {path}"
    return None


def is_own_file(path: Path) -> bool:
    """Whether a path is a regular file, not a link, that belongs to the user."""
    found = path.lstat()
    own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return own and stat.S_ISREG(found.st_mode)

"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

__all__ = ["check_writable", "whole_file"]


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which takes the name ``path`` when the block ends without an error.

    Temporary file beside it, fsync, rename, fsync of the folder. A link is written through.
    """
    import tempfile  # 4 ms, when a file is written

    path = os.path.realpath(path)
    check_writable(path)
    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _flush_folder(folder)


def check_writable(path: str | os.PathLike[str]) -> None:
    """A file can be put there: in a folder that exists, over a regular file or none.

    Raises
    ------
    OSError
        It cannot; a device, a pipe or a folder is not replaced.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} to write {path!r} into")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the folder {folder!r} cannot be written to")
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileExistsError(f"{path!r} is no regular file: it is left as it is")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: str) -> None:
    """So that the new name, too, survives a power cut."""
    if os.name == "posix":
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

"""Open the one file in a zip archive.

Nothing is unpacked to the disk, and the names in the archive are only shown.
"""

from __future__ import annotations

import io
from typing import IO, Any, BinaryIO

from xpnet.errors import printable, quoted
from xpnet.tables.kinds import check_is_text
from xpnet.undisturbed import imported

__all__ = ["member_of"]

_WORKBOOK = "[Content_Types].xml"  # in every file of Office
_HIDDEN = "__MACOSX/"  # what macOS adds
_SHOWN = 5  # names in a message


def member_of(file: BinaryIO, source: str) -> tuple[str, int, IO[bytes]]:
    """The quoted name of the only file in an archive, the archive's size in bytes, and the file.

    Raises
    ------
    ValueError
        The archive has no file or several, or an encrypted one; it is an Excel workbook, or
        damaged, or comes through a pipe.
    """
    if not file.seekable():
        raise ValueError(f"{source} is a zip archive, which cannot be read from a pipe: unpack it")
    zipfile = imported("zipfile")
    size = file.seek(0, io.SEEK_END)
    try:
        archive = zipfile.ZipFile(file)
        found = _only(archive, source)
        if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError("its method of compression is not deflate: unpack it")
        return quoted(found.filename), size, archive.open(found)
    except (zipfile.BadZipFile, RuntimeError, EOFError, UnicodeDecodeError, OSError) as error:
        reason = printable(str(error))
        raise ValueError(f"{source} is a zip archive that can't be read: {reason}") from error


def _only(archive: Any, source: str) -> Any:
    """The entry of the only file."""
    infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    names = [info.filename for info in infos]
    if _WORKBOOK in names:
        check_is_text(b"PK\x03\x04", source)
    infos = [info for info in infos if not info.filename.startswith(_HIDDEN)]
    if len(infos) != 1:
        first = ", ".join(quoted(info.filename, 60) for info in infos[:_SHOWN])
        more = ", …" if len(infos) > _SHOWN else ""
        has = f"{len(infos)} files ({first}{more})" if infos else "no file"
        raise ValueError(f"{source} is a zip archive of {has}: it must have one, the table")
    return infos[0]

"""Read a file in pieces of bytes; a file that begins as gzip does is decompressed.

A small file may decompress to more than memory holds. So decompression stops at `_HARMLESS` bytes
if these are more than `_MOST` times the compressed ones. Most tables shrink to a tenth.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from gzip import BadGzipFile, GzipFile
from typing import Any, BinaryIO

from xpnet.tables.kinds import check_is_text

__all__ = ["pieces_of"]

_PIECE = 1 << 16  # bytes
_GZIP = b"\x1f\x8b"
_MOST = 200  # times its compressed size
_HARMLESS = 1 << 26  # bytes that any file may decompress to


def pieces_of(file: BinaryIO, source: str, notes: list[str]) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed; ``notes`` then says that it was compressed.

    Raises
    ------
    ValueError
        The file is of a kind that is not text, or damaged, or decompresses to too much.
    """
    packed = _Packed(file)
    pieces = iter(lambda: packed.read(_PIECE), b"")
    if packed.begin.startswith(_GZIP):
        notes.append("the file is compressed by gzip")
        pieces = _unpacked(packed, source)
    first = next(pieces, b"")
    check_is_text(first, source)
    if first:
        yield first
    yield from pieces


class _Packed:
    """A file whose first bytes may be seen before they are read, and whose bytes are counted."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.begin = self._rest = file.read(_PIECE)
        self.n = 0

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; at the end of the file there are none."""
        piece = self._rest[:size] or self._file.read(size)
        self._rest = self._rest[size:]
        self.n += len(piece)
        return piece


def _unpacked(packed: _Packed, source: str) -> Iterator[bytes]:
    n, stream = 0, GzipFile(fileobj=_as_file(packed), mode="rb")
    try:
        while piece := stream.read(_PIECE):
            n += len(piece)
            if n > max(_HARMLESS, _MOST * packed.n):
                raise ValueError(
                    f"{source} decompresses to more than {_MOST} times its size, and more than "
                    f"{_HARMLESS >> 20} MiB: if you trust it, unpack it (gunzip)"
                )
            yield piece
    except (BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{source} is compressed by gzip, but damaged: {error}") from error


def _as_file(packed: _Packed) -> Any:
    """``packed`` for `GzipFile`, which only reads."""
    return packed

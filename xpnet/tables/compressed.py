"""Read a file in pieces of bytes; a compressed one is known by its first bytes and decompressed.

These are gzip, bzip2, xz, and zip archives of one file. A small file may decompress to more than
memory holds. So decompression stops at `_HARMLESS` bytes if these are more than `_MOST` times the
compressed ones. Most tables shrink to a tenth.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile, GzipFile
from typing import Any, BinaryIO, NamedTuple

from xpnet.tables.archives import member_of
from xpnet.tables.kinds import check_is_text
from xpnet.undisturbed import imported

__all__ = ["pieces_of", "plain_name"]

_PIECE = 1 << 16  # bytes
_MOST = 200  # times its compressed size
_HARMLESS = 1 << 26  # bytes that any file may decompress to
_XZ_MEMORY = 1 << 28  # bytes; `xz -9` asks for 65 MiB, and a file may ask for 4 GiB


def pieces_of(file: BinaryIO, source: str, notes: list[str]) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed; ``notes`` then says that it was compressed.

    Raises
    ------
    ValueError
        The file is of a kind that is not text, or damaged, or decompresses to too much; or it is a
        zip archive of several files.
    """
    packed = _Packed(file)
    pieces = iter(lambda: packed.read(_PIECE), b"")
    found = next((form for form in _FORMS if form.begin.match(packed.begin)), None)
    if found is not None:
        pieces = _unpacked(packed, found, source, notes)
    first = next(pieces, b"")
    check_is_text(first, source)
    if first:
        yield first
    yield from pieces


class _Packed:
    """A file whose first bytes may be seen before they are read, and whose bytes are counted."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.begin = self._rest = file.read(_PIECE)
        self.n = 0

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; at the end of the file there are none."""
        piece = self._rest[:size] or self.file.read(size)
        self._rest = self._rest[size:]
        self.n += len(piece)
        return piece


def _unpacked(packed: _Packed, form: _Form, source: str, notes: list[str]) -> Iterator[bytes]:
    n = 0
    try:
        for piece in form.pieces(packed, source, notes):
            n += len(piece)
            if n > max(_HARMLESS, _MOST * packed.n):
                raise ValueError(
                    f"{source} decompresses to more than {_MOST} times its size, and more than "
                    f"{_HARMLESS >> 20} MiB: if you trust it, unpack it ({form.unpack})"
                )
            yield piece
    except (_DamagedError, BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{source} is compressed by {form.name}, but damaged: {error}") from error


class _DamagedError(Exception):
    """Raised if bytes cannot be decompressed."""


def _gzip(packed: _Packed, source: str, notes: list[str]) -> Iterator[bytes]:
    notes.append("the file is compressed by gzip")
    file: Any = packed  # GzipFile only reads
    stream = GzipFile(fileobj=file, mode="rb")
    return iter(lambda: stream.read(_PIECE), b"")


def _bzip2(packed: _Packed, source: str, notes: list[str]) -> Iterator[bytes]:
    notes.append("the file is compressed by bzip2")
    return _streams(packed, imported("bz2").BZ2Decompressor, OSError)


def _xz(packed: _Packed, source: str, notes: list[str]) -> Iterator[bytes]:
    notes.append("the file is compressed by xz")
    lzma = imported("lzma")
    return _streams(
        packed, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), lzma.LZMAError, _behind_padding
    )


def _behind_padding(packed: _Packed, data: bytes) -> bytes:
    """The first bytes behind the zeros that may follow a stream of xz: four, or a multiple."""
    n = 0
    while data and not data.strip(b"\0"):
        n += len(data)
        data = packed.read(_PIECE)
    rest = data.lstrip(b"\0")
    if (n + len(data) - len(rest)) % 4:
        raise _DamagedError("the zeros after a stream are not a multiple of four bytes")
    return rest


def _streams(
    packed: _Packed,
    decompressor: Callable[[], Any],
    wrong: type[Exception],
    behind: Callable[[_Packed, bytes], bytes] = lambda _, data: data,
) -> Iterator[bytes]:
    """Decompress one or more streams; ``behind`` leaves out what may stand between them."""
    data = packed.read(_PIECE)
    while data:
        stream = decompressor()
        while not stream.eof:
            if stream.needs_input and not data and not (data := packed.read(_PIECE)):
                raise _DamagedError("it ends within a stream")
            try:
                piece = stream.decompress(data, _PIECE)
            except wrong as error:
                raise _DamagedError(str(error)) from error
            data = b""
            if piece:
                yield piece
        data = behind(packed, stream.unused_data or packed.read(_PIECE))


def _zip(packed: _Packed, source: str, notes: list[str]) -> Iterator[bytes]:
    name, packed.n, member = member_of(packed.file, source)
    notes.append(f"the file is a zip archive of {name}")
    try:
        while piece := member.read(_PIECE):
            yield piece
    except imported("zipfile").BadZipFile as error:
        raise _DamagedError(str(error)) from error


class _Form(NamedTuple):
    """A form of compression: its first bytes, how it is read, and the program that unpacks it."""

    name: str
    ending: str
    begin: re.Pattern[bytes]
    pieces: Callable[[_Packed, str, list[str]], Iterator[bytes]]
    unpack: str


_FORMS = (
    _Form("gzip", ".gz", re.compile(rb"\x1f\x8b"), _gzip, "gunzip"),
    _Form("bzip2", ".bz2", re.compile(rb"BZh[1-9]1AY&SY"), _bzip2, "bunzip2"),
    _Form("xz", ".xz", re.compile(rb"\xfd7zXZ\0"), _xz, "unxz"),
    _Form("zip", ".zip", re.compile(rb"PK(\x03\x04|\x05\x06)"), _zip, "unzip"),
)


def plain_name(name: str) -> str:
    """A file's name without the ending of its compression: "de.csv.gz" is "de.csv"."""
    ending = next((form.ending for form in _FORMS if name.lower().endswith(form.ending)), "")
    return name[: len(name) - len(ending)] or name

"""Decode text: UTF-8, UTF-16 that begins with a byte order mark, or else Windows-1252.

A file that is not UTF-8 is Windows-1252 if nothing but ASCII precedes the first wrong byte. After
other valid UTF-8, a wrong byte is a damaged character, and an error. Decoding thus never has to
start again, which standard input could not.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from io import BufferedIOBase, TextIOWrapper
from itertools import chain
from typing import Any

__all__ = ["text_of"]

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def text_of(pieces: Iterator[bytes], source: str, notes: list[str]) -> TextIOWrapper:
    """The text of a file, to be read by lines; ``notes`` gets its encoding if it is not UTF-8.

    Reading raises ValueError, with the line, where the bytes are not text.
    """
    stream: Any = _Pieces(_as_utf8(pieces, source, notes))
    return TextIOWrapper(stream, "utf-8", newline="")


class _Pieces(BufferedIOBase):
    """An iterator of bytes, none of them empty, as the stream that `TextIOWrapper` reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def read1(self, size: int = -1) -> bytes:
        """The next piece, of any size; empty at the end."""
        return next(self._pieces, b"")


class _Lines:
    """Counts the line that the next byte is on, as an editor does."""

    def __init__(self) -> None:
        self.number, self._last = 1, b""

    def add(self, piece: bytes) -> int:
        """Move past the bytes, and return the line behind them."""
        if piece:
            both = self._last + piece[:1] == b"\r\n"
            returns = piece.count(b"\r") - piece.count(b"\r\n") - both
            self.number += piece.count(b"\n") + returns
            self._last = piece[-1:]
        return self.number


def _as_utf8(pieces: Iterator[bytes], source: str, notes: list[str]) -> Iterator[bytes]:
    first = next(pieces, b"")
    for mark, encoding in _UTF16.items():
        if first.startswith(mark):
            notes.append("the text is UTF-16")
            return _from_utf16(chain((first.removeprefix(mark),), pieces), encoding, source)
    first = first.removeprefix(codecs.BOM_UTF8)
    return _utf8_or_windows(chain((first,) if first else (), pieces), source, notes)


def _from_utf16(pieces: Iterator[bytes], encoding: str, source: str) -> Iterator[bytes]:
    decoder, lines = codecs.getincrementaldecoder(encoding)(), _Lines()
    try:
        for piece in chain(pieces, (b"",)):
            if found := decoder.decode(piece, final=not piece).encode():
                lines.add(found)
                yield found
    except UnicodeDecodeError as error:
        valid = error.object[: error.start].decode(encoding)
        raise _not_text(source, lines.add(valid.encode()), "UTF-16") from error


def _utf8_or_windows(pieces: Iterator[bytes], source: str, notes: list[str]) -> Iterator[bytes]:
    lines, ascii_only, rest = _Lines(), True, b""
    for piece in chain(pieces, (b"",)):  # the last one ends a character cut short
        found = rest + piece
        n, wrong = _valid(found, final=not piece)
        valid, rest = found[:n], found[n:]
        ascii_only = ascii_only and valid.isascii() and b"\0" not in valid
        lines.add(valid)
        if wrong and not ascii_only:
            raise _not_text(source, lines.number, "UTF-8")
        if valid:
            yield valid
        if wrong:
            notes.append(f"the text is read as Windows-1252: line {lines.number} is not UTF-8")
            yield from _from_windows(chain((rest,), pieces), source, lines)
            return


def _valid(found: bytes, final: bool) -> tuple[int, bool]:
    """How many bytes are whole characters of UTF-8, and whether the next one is wrong.

    The last character may be cut short, unless the bytes are the file's last.
    """
    try:
        return codecs.utf_8_decode(found, "strict", final)[1], False
    except UnicodeDecodeError as error:
        return error.start, True


def _windows(code: int) -> str:
    byte = bytes([code])
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:  # five codes that it leaves open
        return byte.decode("latin-1")


_WINDOWS = "".join(map(_windows, range(256)))


def _from_windows(pieces: Iterator[bytes], source: str, lines: _Lines) -> Iterator[bytes]:
    for piece in pieces:
        if b"\0" in piece:  # a binary file
            before = piece[: piece.index(b"\0")]
            raise _not_text(source, lines.add(before), "UTF-8")
        lines.add(piece)
        yield codecs.charmap_decode(piece, "strict", _WINDOWS)[0].encode()


def _not_text(source: str, line: int, encoding: str) -> ValueError:
    return ValueError(f"{source}, line {line} is not {encoding} text: save the file as UTF-8")

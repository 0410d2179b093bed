"""Recognise files that are no CSV by their first bytes."""

from __future__ import annotations

import re

__all__ = ["LONGEST", "check_is_text"]

_KINDS = {
    b"\x1f\x8b": ("compressed by gzip", "unpack it (gunzip)"),
    b"BZh91AY": ("compressed by bzip2", "unpack it (bunzip2)"),
    b"\xfd7zXZ\0": ("compressed by xz", "unpack it (unxz)"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it (unzstd)"),
    b"PK\x03\x04": (
        "a zip archive or an Excel workbook",
        "unpack it, or save its sheet as CSV (UTF-8)",
    ),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save its sheet as CSV (UTF-8)"),
    b"PAR1\x15": ("a Parquet file", "give it a name that ends in .parquet"),
    b"ARROW1": ("an Arrow or Feather file", "save it as Parquet"),
    b"SQLite format 3": ("an SQLite database", "save its table as CSV (UTF-8)"),
    b"\x89HDF": ("an HDF5 file", "save its table as CSV (UTF-8) or Parquet"),
    b"%PDF-": ("a PDF", "save its table as CSV (UTF-8)"),
}
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*[\[{])')
LONGEST = max(map(len, _KINDS))


def check_is_text(begin: bytes, source: str) -> None:
    """Raise ValueError if the file is of a known kind that is no CSV; say which, and what to do."""
    if _JSON.match(begin):
        raise ValueError(f"{source} is JSON, not a CSV file: save its table as CSV (UTF-8)")
    for mark, (kind, remedy) in _KINDS.items():
        if begin.startswith(mark):
            raise ValueError(f"{source} is {kind}, not a CSV file: {remedy}")

"""Find what separates the cells of a CSV file: commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["COMMA", "SEPARATORS", "first_lines", "records_of", "separator_hint", "separator_of"]

COMMA = ","
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", COMMA: "commas"}
"""In order of preference: text and decimals often have commas, and seldom the others."""

_BLANKS = " (one column, whose name has blanks: blanks separate no columns, but commas do)"
_LINES = 100  # most lines that are judged
_CHARACTERS = 1 << 20  # and most characters, but for the first two lines


def first_lines(text: Iterable[str]) -> list[str]:
    """Take the lines from a file that the separator is judged by."""
    lines: list[str] = []
    n = 0
    for line in text:
        lines.append(line)
        n += len(line)
        if len(lines) == _LINES or (n > _CHARACTERS and len(lines) > 1):
            break
    return lines


class _Cells(NamedTuple):
    """How a separator splits the first records."""

    mark: str
    header: int  # cells
    records: int  # with the header
    alike: int  # records of as many cells as the header has


def separator_of(lines: Sequence[str], marks: Iterable[str] = SEPARATORS) -> str | None:
    """The one of ``marks`` with which the first records have as many cells as the header.

    These are two cells or more. If that holds for several, it is the first. If it holds for none,
    it is the one with which it holds for most records, or None if these are no more than half.
    """
    tried = [_split(lines, mark) for mark in marks if any(mark in line for line in lines)]
    found = [cells for cells in tried if cells.header > 1]
    for cells in found:
        if cells.alike == cells.records:
            return cells.mark
    found = [cells for cells in found if 2 * (cells.alike - 1) > cells.records - 1]
    return max(reversed(found), key=lambda cells: cells.alike).mark if found else None


def _split(lines: Sequence[str], mark: str) -> _Cells:
    records, broken = records_of(lines, mark)
    lengths = [len(cells) for cells in records]
    header = lengths[0] if lengths else 0
    return _Cells(mark, header, len(lengths) + broken, lengths.count(header))


def records_of(lines: Sequence[str], mark: str) -> tuple[list[list[str]], bool]:
    """The records of the lines, without empty ones, and whether a line has wrong quotes.

    The last record may be cut short, which is not wrong; it is left out then.
    """
    reader = csv.reader(lines, delimiter=mark, strict=True)
    records: list[list[str]] = []
    try:
        for cells in reader:
            records += [cells] if cells else []
    except csv.Error:
        return records, reader.line_num < len(lines)
    return records, False


def separator_hint(names: Sequence[str]) -> str:
    """A hint if the header is one column, but has blanks or separators; else empty."""
    if len(names) != 1:
        return ""
    mark = max(SEPARATORS, key=names[0].count)
    if mark not in names[0] or mark == COMMA:
        return _BLANKS if " " in names[0].strip() else ""
    return (
        f" (one column, whose name has {SEPARATORS[mark]}: to separate columns, every row needs as "
        "many)"
    )

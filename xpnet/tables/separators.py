"""Find what separates the cells of a CSV file: commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["COMMA", "SEPARATORS", "first_lines", "separator_of"]

COMMA = ","
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", COMMA: "commas"}
"""In order of preference: text and decimals often have commas, and seldom the others."""

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


def separator_of(lines: Sequence[str]) -> str:
    """The separator with which the first records have as many cells as the header, two or more.

    If that holds for several, it is the first of `SEPARATORS`. If it holds for none, it is the one
    with which it holds for most records, or a comma if these are no more than half.
    """
    tried = [_split(lines, mark) for mark in SEPARATORS if any(mark in line for line in lines)]
    found = [cells for cells in tried if cells.header > 1]
    for cells in found:
        if cells.alike == cells.records:
            return cells.mark
    found = [cells for cells in found if 2 * (cells.alike - 1) > cells.records - 1]
    return max(reversed(found), key=lambda cells: cells.alike).mark if found else COMMA


def _split(lines: Sequence[str], mark: str) -> _Cells:
    """Split the lines by ``mark``; the last record may be cut short, and is not counted."""
    reader = csv.reader(lines, delimiter=mark, strict=True)
    lengths: list[int] = []
    broken = 0
    try:
        for cells in reader:
            lengths += [len(cells)] if cells else []
    except csv.Error:
        broken = reader.line_num < len(lines)
    header = lengths[0] if lengths else 0
    return _Cells(mark, header, len(lengths) + broken, lengths.count(header))

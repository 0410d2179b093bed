"""Find the header of a CSV file, which may stand below `sep=;`, a title, empty lines or comments.

Excel obeys a first line such as `sep=;`, and some programs write it. Empty lines at the begin are
left out. Other lines above the header are left out only if they are certainly no part of the table:

- each is empty, is a comment that begins with #, has nothing but a first cell, or has several
  cells, under which no record below would fit; below the last kind, all of two or more records
  have as many cells as the header, and no name means a missing cell;
- more than half of the records below have as many cells as the header, which are two or more;
- no name in the header begins like a number, and some column below has numbers or dates;
- no comment has as many cells as the header, since it may be the header.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from xpnet.errors import quoted
from xpnet.tables.cells import TEXT, is_number
from xpnet.tables.marks import is_hole
from xpnet.tables.notations import notation_of
from xpnet.tables.separators import COMMA, SEPARATORS, records_of, separator_of

__all__ = ["Start", "data_hint", "start_of"]

_TOLD = re.compile(r'"?sep=([,;|\t])"?[\r\n]*', re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+.,(]?\s?[0-9]")
_SHOWN = 60  # characters of a line in a note


class Start(NamedTuple):
    """The separator, the number of lines above the header, and what is said of both."""

    mark: str
    skipped: int
    notes: list[str]


def start_of(lines: Sequence[str]) -> Start:
    """Find the header and the separator by the file's first lines."""
    told = _TOLD.fullmatch(lines[0]) if lines else None
    if told is not None:
        mark, n = told[1], 1 + _above(lines[1:], (told[1],))[1]
        notes = [f"line 1 says that the cells are separated by {SEPARATORS[mark]}"]
        return Start(mark, n, notes + _left_out(lines[1:n], mark, 2))
    mark, n = _above(lines, tuple(SEPARATORS))
    notes = [] if mark == COMMA else [f"the cells are separated by {SEPARATORS[mark]}"]
    return Start(mark, n, notes + _left_out(lines[:n], mark, 1))


def _above(lines: Sequence[str], marks: Sequence[str]) -> tuple[str, int]:
    """The separator, one of ``marks``, and the number of lines above the header."""
    empty = next((i for i, line in enumerate(lines) if line.strip("\r\n")), 0)
    rest = lines[empty:]
    agreed = separator_of(rest, marks)
    headed = agreed is not None and _is_header(rest, agreed)
    if not headed or rest[0].startswith("#"):
        for mark in marks:
            if n := _titles(rest, mark):
                return mark, empty + n
    return agreed or marks[-1], empty


def _is_header(lines: Sequence[str], mark: str) -> bool:
    """Whether the first record may be the header: it has two names, and is no title."""
    records, _ = records_of(lines, mark)
    return bool(records) and len(_without_end(records[0])) > 1 and not _is_title(*records)


def _is_title(first: Sequence[str], *others: Sequence[str]) -> bool:
    """Whether several records follow, and none would fit under the first if it were the header."""
    n = len(_without_end(first))
    fit = (len(row) == len(first) and len(_without_end(row)) <= n for row in others)
    return len(others) > 1 and not any(fit)


def _without_end(cells: Sequence[str]) -> Sequence[str]:
    """The cells up to the last that is not empty."""
    return cells[: max((i for i, cell in enumerate(cells, start=1) if cell), default=0)]


def _titles(lines: Sequence[str], mark: str) -> int:
    """The number of lines above the header; 0 if there are none, or if it is not certain."""
    comments, titled = [], False
    for n, line in enumerate(lines):
        cells = _cells(line, mark)
        if line.startswith("#"):
            comments.append(len(_without_end(cells)))
        elif any(cells[1:]):
            records, broken = records_of(lines[n:], mark)
            if broken or not records or len(records[0]) in comments:
                return 0
            if not _is_title(*records):
                certain = not titled or _are_alike(*records)
                return n if certain and _is_headed(*records) else 0
            titled = True
    return 0


def _are_alike(header: Sequence[str], *rows: Sequence[str]) -> bool:
    """Whether two or more rows all have as many cells as the header, which names no missing one.

    A header with a wrong number of names looks like a title. Then its first row is tried here.
    """
    alike = len(rows) > 1 and all(len(row) == len(header) for row in rows)
    return alike and not any(map(is_hole, _without_end(header)))


def _cells(line: str, mark: str) -> list[str]:
    """The cells of a line by itself."""
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []


def _is_headed(header: Sequence[str], *others: Sequence[str]) -> bool:
    """Whether the first record is certainly the header of the others."""
    names, rows = _without_end(header), [row for row in others if len(row) == len(header)]
    if not all(names[1:]) or any(map(_NUMBER.match, names)) or 2 * len(rows) <= len(others):
        return False
    columns = zip(*(cells[: len(names)] for cells in rows), strict=True)
    return any(map(_is_of_numbers, columns))


def _is_of_numbers(cells: Sequence[str]) -> bool:
    return not all(map(is_hole, cells)) and notation_of(np.array(cells, TEXT)) is not None


def data_hint(names: Sequence[str]) -> str:
    """What to do if the header looks like data: its names, but for one, are numbers; else empty.

    Whole numbers in order are names, such as the years of a pivoted table, or places.
    """
    numbers = [name for name in names if is_number(name)]
    if len(numbers) < max(2, len(names) - 1) or _counts(numbers):
        return ""
    few = ", ".join(quoted(name, _SHOWN) for name in numbers[:3])
    more = ", …" if len(numbers) > 3 else ""
    return (
        f"the header looks like data, since its names are numbers ({few}{more}): if it is data, "
        "write a line with the columns' names above it"
    )


def _counts(numbers: Sequence[str]) -> bool:
    """Whether the numbers are whole, not negative, and rise or fall from each to the next."""
    if not all(map(str.isdecimal, numbers)):
        return False
    steps = np.sign(np.diff([float(number) for number in numbers]))
    return bool((steps > 0).all() or (steps < 0).all())


def _left_out(lines: Sequence[str], mark: str, first: int) -> list[str]:
    """A note on the lines that are left out, if there are any; ``first`` is the first's number."""
    if not lines:
        return []
    found = next(filter(None, (line.strip(f" \r\n{mark}") for line in lines)), "")
    last = first + len(lines) - 1
    which = f"line {last} is" if len(lines) == 1 else f"lines {first} to {last} are"
    such = f", such as {quoted(found, _SHOWN)}" if found else ""
    return [f"{which} above the header and left out{such}"]

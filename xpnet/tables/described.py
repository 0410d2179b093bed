"""Describe a column of a table in words, before any training."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import numpy as np

from xpnet.errors import counted, quoted
from xpnet.tables.bounded import bins_for
from xpnet.tables.categorical import (
    MOST,
    MOST_EMBEDDED,
    Categories,
    Codes,
    check_categories,
)
from xpnet.tables.cells import EXACT
from xpnet.tables.moment import fit_numbers
from xpnet.tables.notation import PLAIN, Notation
from xpnet.tables.numeric import Numeric
from xpnet.tables.outliers import outlying
from xpnet.tables.table import Table, shown
from xpnet.typing import Host

__all__ = ["described", "described_codes", "readings", "spellings"]

_CODE = re.compile("0[0-9]+")
_WHOLE = re.compile("[-+]?[0-9]{16,}")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")
_NUMBER = r"[0-9][0-9.,' ]*"
_WITH_UNIT = re.compile(
    rf"[-+]?(?:{_NUMBER}[^\W\d_]{{1,4}}[²³]?|[$€£¥] ?{_NUMBER}|{_NUMBER}[$€£¥%])"
)
_UNITS, _MOSTLY = 5, 0.9  # fewest different cells with a unit, and their least share
_CELL = 60  # characters of a cell in a sentence
_ROWS = 10  # fewest rows that a column may count by chance


def described(table: Table, name: str, holes: Collection[str] = ()) -> tuple[str, str]:
    """What a column holds, and what training makes of it, each in words."""
    notation = table.notation(name, holes)
    if notation is None:
        return _text(table, name, holes)
    try:
        return _numbers(table, name, notation, holes)
    except ValueError as error:
        return notation.said(), f"an error: {error}"


def _text(table: Table, name: str, holes: Collection[str]) -> tuple[str, str]:
    counts = Counter(table.labels(name, holes))
    missing = counts.pop("", 0)
    often = tuple(text for text, _ in counts.most_common(4))
    what = f"text, {len(counts)} different, {_missing(missing, len(table))}: {shown(often)}"
    column = Categories.fit(table, name, slice(None), holes)
    if column is None:
        return what, "left out: no text occurs twice"
    if len(column.known) == MOST:
        which = f"each of the {MOST} most frequent categories"
    else:
        which = "each category that occurs twice"
    return what, f"{counted(column.width, 'column')}, one for {which}, and for others"


def described_codes(
    table: Table, name: str, dim: int | None, holes: Collection[str] = ()
) -> tuple[str, str]:
    """What a column to embed holds, and what training makes of it, each in words."""
    what, becomes = _text(table, name, holes)
    try:
        check_categories(table, name, holes)
        column = Codes.fit(table, name, slice(None), holes, dim)
    except ValueError as error:
        return what, f"an error: {error}"
    if column is None:
        return what, becomes
    each = counted(column.n_codes, "category", "categories")
    return what, f"{counted(column.dim, 'learned number')} for each of {each}"


def _numbers(
    table: Table, name: str, notation: Notation, holes: Collection[str]
) -> tuple[str, str]:
    x = table.quantities(name, notation, holes)
    there = x[~np.isnan(x)]
    missing = _missing(len(x) - len(there), len(x))
    column = fit_numbers(
        table, name, slice(None), notation, holes, bins_for(len(table), len(table.names))
    )
    if column is None:
        return f"{_said(name, notation)}, {missing}", "left out: all cells are missing"
    far = len(outlying(there))
    different = len(np.unique(there))
    what = f"{_said(name, notation)}, {different} different, {missing}, {column.about()}"
    rule = column.rule if isinstance(column, Numeric) else column.days
    # rows held out choose, and fewer rows give fewer pieces
    most = "at most " if rule.knots else ""
    becomes = f"{most}{counted(column.width, 'column')}"
    return what + (f", {far} far from all others" if far else ""), becomes


def _said(name: str, notation: Notation) -> str:
    """The notation in words; if the order of its dates is guessed, also how to correct it."""
    if not notation.guessed:
        return notation.said()
    other = {"mdy": "day-first", "dmy": "month-first"}[notation.order]
    option = f"--as {shlex.quote(name)}:{other} (read_as=)"
    return f"{notation.said().removesuffix(')')}: no cell shows it; if not, {option})"


def _missing(n: int, of: int) -> str:
    return f"{n} missing ({n / of:.1%})" if n else "none missing"


def readings(table: Table, names: Iterable[str], holes: Collection[str] = ()) -> Iterator[str]:
    """Sentences on columns that are read in other ways than plain numbers and text, or doubtful."""
    notations = {name: table.notation(name, holes) for name in names}
    comma = any(notation and notation.decimal == "," for notation in notations.values())
    for name, notation in notations.items():
        column = f"column {quoted(name)}"
        if notation is None:
            yield from (f"{column}{doubt}" for doubt in _doubts_of_text(table, name, holes))
            yield from spellings(table, name, holes)
            continue
        if notation != PLAIN:
            yield f"{column} is read as {_said(name, notation)}"
        yield from (f"{column}{doubt}" for doubt in _doubts(table, name, notation, holes, comma))


def spellings(table: Table, name: str, holes: Collection[str] = ()) -> Iterator[str]:
    """A sentence on texts of a column that differ only in case or in blanks."""
    first: dict[str, str] = {}
    for text in dict.fromkeys(table.labels(name, holes)):
        same = first.setdefault(" ".join(text.casefold().split()), text)
        if text != same:
            yield (
                f"column {quoted(name)} has cells such as {quoted(same, _CELL)} and "
                f"{quoted(text, _CELL)}: if they mean the same, write them in one way"
            )
            return


def _doubts_of_text(table: Table, name: str, holes: Collection[str]) -> Iterator[str]:
    """Ends of sentences on quantities with units, and on more categories than have columns."""
    counts = Counter(table.labels(name, holes))
    counts.pop("", None)
    units = [text for text in counts if _WITH_UNIT.fullmatch(text.strip())]
    if len(units) >= max(_UNITS, _MOSTLY * len(counts)):
        yield (
            f" is text such as {quoted(units[0], _CELL)}: if these are quantities, write all of "
            "them in one unit, as numbers"
        )
    twice = sum(n > 1 for n in counts.values())
    if twice > MOST:
        yield (
            f" has {twice:,} categories, of which the {MOST} most frequent are told apart: "
            f"--embed {shlex.quote(name)} (embed=) learns numbers for up to {MOST_EMBEDDED:,}"
        )


def _doubts(
    table: Table, name: str, notation: Notation, holes: Collection[str], comma: bool
) -> Iterator[str]:
    """Ends of sentences on a column of numbers that may mean something else."""
    x = table.quantities(name, notation, holes)
    there = np.flatnonzero(~np.isnan(x))
    far = there[outlying(x[there])]
    if len(far):
        cells = counted(len(far), "cell is", "cells are")
        yield (
            f": {cells} far from all others, such as {float(x[far[0]])!r} in "
            f"{table.place(int(far[0]))}: if that is an error, correct it or leave the row out"
        )
    if notation == PLAIN:
        yield from _doubts_of_cells(table, name, x, comma)


def _doubts_of_cells(table: Table, name: str, x: Host, comma: bool) -> Iterator[str]:
    """Ends of sentences on codes, long numbers, points of thousands and row numbers."""
    cells = table.columns[name]
    texts = () if cells.dtype.kind == "f" else tuple(dict.fromkeys(cells.tolist()))
    code = next((text for text in texts if _CODE.fullmatch(text)), None)
    if code is not None:
        option = f"--text {shlex.quote(name)} (text=)"
        yield f" has cells such as {quoted(code)}: if they are codes, {option}"
    long = next((text for text in texts if _WHOLE.fullmatch(text) and abs(int(text)) > EXACT), None)
    if long is not None:
        yield (
            f" has whole numbers such as {quoted(long, _CELL)}, of which the last digits are lost: "
            f"if they are keys or codes, --ignore {shlex.quote(name)} (ignore=), or --text "
            f"{shlex.quote(name)} (text=)"
        )
    pointed = [text for text in texts if "." in text]
    if comma and pointed and all(_THOUSANDS.fullmatch(text) for text in pointed):
        yield (
            f" has cells such as {quoted(pointed[0])}: if the point separates thousands, "
            f"--as {shlex.quote(name)}:decimal-comma (read_as=)"
        )
    if code is None and long is None and _counts_rows(x):
        yield f" may be the number of the row: if so, --ignore {shlex.quote(name)} (ignore=)"


def _counts_rows(x: Host) -> bool:
    """Whether all values are different whole numbers, at least half of those in their range."""
    if len(x) < _ROWS or not bool(np.all(x == np.floor(x))):
        return False
    return len(np.unique(x)) == len(x) and float(x.max() - x.min()) < 2 * len(x)

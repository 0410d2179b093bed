"""Describe a column of a table in words, before any training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np

from xpnet.errors import quoted
from xpnet.tables.bounded import bins_for
from xpnet.tables.categorical import Categories
from xpnet.tables.moment import Moment
from xpnet.tables.notations import PLAIN, Notation
from xpnet.tables.numeric import Numeric
from xpnet.tables.outliers import outlying
from xpnet.tables.table import Table, shown

__all__ = ["described", "readings"]


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
    return what, f"{column.width} columns, one for each category that occurs twice, and for others"


def _numbers(
    table: Table, name: str, notation: Notation, holes: Collection[str]
) -> tuple[str, str]:
    x = table.quantities(name, notation, holes)
    there = x[~np.isnan(x)]
    missing = _missing(len(x) - len(there), len(x))
    if not len(there):
        return f"{notation.said()}, {missing}", "left out: all cells are missing"
    kind: Any = Moment if notation.kind == "date" else Numeric
    column = kind.fit(table, name, slice(None), notation, holes, bins_for(len(table)))
    far = len(outlying(there))
    what = f"{notation.said()}, {len(np.unique(there))} different, {missing}, {column.about()}"
    becomes = f"{column.width} column{'s' if column.width > 1 else ''}"
    return what + (f", {far} far from all others" if far else ""), becomes


def _missing(n: int, of: int) -> str:
    return f"{n} missing ({n / of:.1%})" if n else "none missing"


def readings(table: Table, names: Iterable[str], holes: Collection[str] = ()) -> Iterator[str]:
    """Sentences on columns that are read in other ways than plain numbers and text."""
    for name in names:
        notation = table.notation(name, holes)
        if notation is None:
            continue
        if notation != PLAIN:
            yield f"column {quoted(name)} is read as {notation.said()}"
        x = table.quantities(name, notation, holes)
        far = outlying(x[~np.isnan(x)])
        if len(far):
            row = int(np.flatnonzero(~np.isnan(x))[far[0]])
            cells = f"{len(far)} cells are" if len(far) > 1 else "1 cell is"
            yield (
                f"column {quoted(name)}: {cells} far from all others, such as {float(x[row])!r} in "
                f"{table.place(row)}: if that is an error, correct it"
            )

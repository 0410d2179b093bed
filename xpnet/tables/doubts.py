"""Warnings of columns that are probably misread, one line each; the columns stay unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from xpnet.errors import quoted
from xpnet.tables.looks import DATES, HOLES, NUMBERS, look_of
from xpnet.tables.marks import is_hole
from xpnet.tables.outliers import outlying
from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = ["doubts_of_numbers", "doubts_of_text", "far_cells"]

_EXAMPLES = 3
_CELL = 40  # most characters of an example
_FAR = 100.0  # standard deviations from the mean of the training rows
_REMEDIES = {
    NUMBERS: "write them as 1234.5, without separators and signs",
    DATES: "turn them into numbers, such as days or months, or leave the column out",
    HOLES: "leave out those rows or the column, or fill the holes",
}


def doubts_of_text(table: Table, names: Iterable[str], kind: str) -> Iterator[str]:
    """Warnings of columns that are taken as text, but look like numbers or dates."""
    for name in names:
        cells = table.text(name)
        look = look_of(cells)
        if look is not None:
            n = len(set(cells))
            yield (
                f"{table.where(name)} is treated as text with {n} {kind}, but looks like "
                f"{look}, such as {_examples(table, cells, look)}: {_REMEDIES[look]} (or, if it "
                "is text, say so with --text or text=)"
            )


def _examples(table: Table, cells: list[str], look: str) -> str:
    """The first different cells with their places: holes if the look is `HOLES`, else others."""
    first: dict[str, int] = {}
    for row, cell in enumerate(cells):
        if is_hole(cell) == (look == HOLES):
            first.setdefault(cell, row)
        if len(first) == _EXAMPLES:
            break
    found = ", ".join(f"{quoted(cell, _CELL)} in {table.place(row)}" for cell, row in first.items())
    if look != HOLES:
        return found
    share = sum(map(is_hole, cells)) / len(cells)
    return f"{found}, {share:.0%} of its cells"


def doubts_of_numbers(table: Table, names: Iterable[str]) -> Iterator[str]:
    """Warnings of columns of numbers in which a few cells decide the scale of all others."""
    for name in names:
        values = table.numbers(name)
        rows = outlying(values)
        if len(rows):
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
            yield (
                f"{table.source}, {_cells(table, values, rows, name)} far from all others (half of "
                f"them between {low:.6g} and {high:.6g}, the median {middle:.6g}): the column is "
                "scaled by it, which may ruin the model; correct it or leave the row out"
            )


def _cells(table: Table, values: Host, rows: Host, name: str) -> str:
    first = int(rows[np.argmax(np.abs(values[rows] - np.median(values)))])
    more = f" and {len(rows) - 1} more cells of it lie" if len(rows) > 1 else " lies"
    return f"{table.place(first)}, column {quoted(name)}: {float(values[first])!r}{more}"


def far_cells(table: Table, name: str, mean: float, scale: float) -> Iterator[str]:
    """A warning if a column of new rows has cells too far from the training rows."""
    values = table.numbers(name)
    with np.errstate(over="ignore"):
        far = np.abs((values - mean) / scale)
    n = int(np.count_nonzero(far > _FAR))
    if n:
        row = int(far.argmax())
        others = f", and {n - 1} more cells so far" if n > 1 else ""
        yield (
            f"{table.source}, {table.place(row)}, column {quoted(name)}: {float(values[row])!r} "
            f"is {far[row]:.3g} standard deviations from the mean of the training rows{others}: "
            "predictions for such rows are unreliable"
        )

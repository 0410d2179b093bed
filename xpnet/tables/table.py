"""A table: named columns of equal length, and where each row stands in its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xpnet.errors import nearest
from xpnet.tables.cells import Array, as_numbers, as_text, column, reads_as_numbers

__all__ = ["Table", "shown"]


class Table:
    """Named columns of numbers or text.

    Parameters
    ----------
    columns : mapping of str to array_like (N,)
        Numbers, text or truth values; None, NaN and the empty text are missing cells, and an error
        where the column is used.
    source : str
        What errors call the table: a file's path.
    lines : (N,) int, optional
        The line of the file on which each row begins. None: rows are counted from 1.

    Examples
    --------
    >>> table = Table({"size": [1.0, 2.5], "colour": ["red", "blue"]})
    >>> table.names, len(table)
    (('size', 'colour'), 2)
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        source: str = "the table",
        lines: Array | None = None,
    ) -> None:
        for name in columns:
            if not isinstance(name, str):
                raise TypeError(f"a column's name is a str, got {name!r}")
        self.columns = {name: column(name, values) for name, values in columns.items()}
        self.source = source
        self.lines = lines
        self._numbers: dict[str, Array] = {}
        lengths = {name: len(values) for name, values in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns of {source} differ in length: {lengths}")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __repr__(self) -> str:
        return f"Table({self.source!r}, {len(self)} rows, columns {shown(self.names, 10)})"

    def require(self, name: str) -> None:
        """Raise ValueError where there is no such column, and say which there are."""
        if name not in self.columns:
            raise self._no_column(name)

    def is_text(self, name: str) -> bool:
        """Whether a column is text: half or more of its cells are no numbers."""
        values = self._column(name)
        if values.dtype.kind == "f":
            return False
        return not reads_as_numbers(values, self._read_numbers(name))

    def numbers(self, name: str) -> Array:
        """A column as float64 (N,).

        Raises
        ------
        ValueError
            A cell is missing, no number, or not finite; the first one is named.
        """
        values = self._read_numbers(name)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise self._no_number(int(bad[0]), name)
        return values

    def text(self, name: str) -> list[str]:
        """A column as text, N str; numbers as whole as they are.

        Raises
        ------
        ValueError
            A cell is missing; the first one is named.
        """
        values = self._column(name)
        cells: list[str] = (as_text(values) if values.dtype.kind == "f" else values).tolist()
        if "" in cells:
            raise self.error(cells.index(""), name, "the cell is empty")
        return cells

    def error(self, row: int, name: str, what: str) -> ValueError:
        """An error that names a cell."""
        return ValueError(f"{self.source}, {self.place(row)}, column {name!r}: {what}")

    def place(self, row: int) -> str:
        """Where a row stands: "line 7" of a file, or "row 6"."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def _column(self, name: str) -> Array:
        self.require(name)
        values = self.columns[name]
        if values.dtype.kind == "O":
            kinds = sorted({type(value).__name__ for value in values.tolist()})
            raise TypeError(
                f"{self.source}, column {name!r} holds {', '.join(kinds)}: make it numbers or text"
            )
        return values

    def _read_numbers(self, name: str) -> Array:
        values = self._column(name)
        if name not in self._numbers:
            self._numbers[name] = values if values.dtype.kind == "f" else as_numbers(values)
        return self._numbers[name]

    def _no_number(self, row: int, name: str) -> ValueError:
        cell: Any = self.columns[name].tolist()[row]
        if cell == "" or (isinstance(cell, float) and cell != cell):
            return self.error(row, name, "the cell is empty")
        infinite = isinstance(cell, float) or not np.isnan(self._numbers[name][row])
        if infinite or cell.strip().lower() == "nan":
            return self.error(row, name, f"{_short(cell)} is not a finite number")
        return self.error(row, name, f"{_short(cell)} is not a number")

    def _no_column(self, name: str) -> ValueError:
        near = nearest(name, self.names)
        hint = f"did you mean {near!r}? " if near else ""
        text = f"{self.source} has no column {name!r}: {hint}its columns are {shown(self.names)}"
        if len(self.names) == 1 and any(mark in self.names[0] for mark in ";\t"):
            text += " (one column: the separator must be a comma)"
        elif any(_is_number(name) for name in self.names):
            text += " (the first line must be a header, the columns' names)"
        return ValueError(text)


def shown(names: tuple[str, ...], most: int = 20) -> str:
    """Names for an error or a listing, on one line, the first few of many."""
    text = ", ".join(_short(name) for name in names[:most])
    return text if len(names) <= most else f"{text}, … ({len(names)} in all)"


def _short(cell: Any, most: int = 60) -> str:
    text = repr(cell)
    return text if len(text) <= most else f"{text[:most]}…"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

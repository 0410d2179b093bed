"""The table: named columns of equal length, and the line of each row in its file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.errors import counted, nearest, quoted
from xpnet.tables.cells import as_numbers, as_text, column, is_number, reads_as_numbers
from xpnet.tables.given import check_lengths, name_of, named
from xpnet.tables.notation import PLAIN, Notation
from xpnet.tables.notations import notation_named, notation_of
from xpnet.tables.separators import separator_hint
from xpnet.typing import Host

__all__ = ["Table", "check_table", "repeated", "shown"]

_CELL = 60  # most characters of a cell or a name in a message


class Table:
    """Named columns of numbers or text.

    Parameters
    ----------
    columns : mapping of str to array_like (N,)
        Numbers, text or truth values. None, NaN and the empty text are missing cells; they are an
        error when the column is used.
    source : str
        The table's name in errors, such as a file's path.
    lines : (N,) int, optional
        The line of the file on which each row begins. None: errors count rows from 1.
    notes : sequence of str
        How the file was read, if not as plain CSV: its separator, encoding and compression.
    index : (N,) text, optional
        A file's first column if it has no name: the rows' names, which are no input.
    arguments : mapping of str to str, optional
        How errors name columns that are not of ``source``, such as {"target": "y"}.

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
        lines: Host | None = None,
        *,
        notes: Sequence[str] = (),
        index: Host | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(source, str):
            raise TypeError(
                f"source must be a str, the name of the table in errors, got {quoted(source)}"
            )
        self.columns = {name: column(name, values) for name, values in named(columns).items()}
        self.source = source
        self.lines = lines
        self._unit = "row" if lines is None else "line"
        self.notes, self.index = tuple(notes), index
        self._arguments = dict(arguments or {})
        self._numbers: dict[str, Host] = {}
        self._quantities: dict[Any, Host] = {}
        self._notations: dict[Any, Notation | None] = {}
        lengths = {name: len(values) for name, values in self.columns.items()}
        check_lengths(lengths, f"the columns of {source}")
        if lines is not None and np.shape(lines) != (len(self),):
            raise ValueError(f"lines must be ({len(self)},), got shape {np.shape(lines)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __repr__(self) -> str:
        return (
            f"Table({self.source!r}, {counted(len(self), 'row')}, columns {shown(self.names, 10)})"
        )

    @property
    def places(self) -> tuple[str, Host] | None:
        """The file, and the line (N,) on which each row begins; None if there is no file."""
        return None if self.lines is None or self._unit == "row" else (self.source, self.lines)

    def require(self, name: str) -> None:
        """Raise ValueError if there is no such column, and list the existing ones."""
        if name_of("a column", name) not in self.columns:
            raise self._no_column(name)

    def is_text(self, name: str) -> bool:
        """Whether a column is text: half or more of its non-missing cells are not numbers."""
        values = self._column(name)
        if values.dtype.kind == "f":
            return False
        return not reads_as_numbers(values, self._read_numbers(name))

    def numbers(self, name: str) -> Host:
        """A column as float64 (N,).

        Raises
        ------
        ValueError
            A cell is missing, not a number, or not finite; the message names the first.
        """
        values = self._read_numbers(name)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise self._no_number(int(bad[0]), name)
        return values

    def text(self, name: str) -> list[str]:
        """A column as text, N str; a whole number has no decimals: 3.0 is "3".

        Raises
        ------
        ValueError
            A cell is missing; the message names the first.
        """
        values = self._column(name)
        cells: list[str] = (as_text(values) if values.dtype.kind == "f" else values).tolist()
        if "" in cells:
            raise self.error(cells.index(""), name, "the cell is empty")
        return cells

    def notation(self, name: str, holes: Collection[str] = ()) -> Notation | None:
        """How the cells of a column are written, if they are numbers or dates; None for text."""
        key = name, frozenset(holes)
        if key not in self._notations:
            values = self._column(name)
            found = PLAIN if values.dtype.kind == "f" else notation_of(values, holes)
            self._notations[key] = found
        return self._notations[key]

    def read_as(self, given: Mapping[str, str], holes: Collection[str] = ()) -> Table:
        """The table with some columns read as the user says, by `NAMES` or as "text"."""
        found = self.take(slice(None))
        for name, how in given.items():
            notation = None if how == "text" else notation_named(how, self._column(name), holes)
            found._notations[name, frozenset(holes)] = notation
        return found

    def settle(self, names: Iterable[str], holes: Collection[str] = ()) -> None:
        """Find how these columns are written, and read them, as rows taken later will be read.

        Raises
        ------
        ValueError
            A cell does not fit its column; the message names the first.
        """
        for name in names:
            notation = self.notation(name, holes)
            if notation is not None:
                self.quantities(name, notation, holes)

    def quantities(self, name: str, notation: Notation, holes: Collection[str] = ()) -> Host:
        """A column as float64 (N,), with NaN where a cell is missing.

        Parameters
        ----------
        name : str
        notation : Notation
            How cells of text are read.
        holes : collection of str
            Further texts that mean a missing cell.

        Raises
        ------
        ValueError
            A cell is neither missing nor a finite number, or date; the message names the first.
        """
        key = name, notation, frozenset(holes)
        if key not in self._quantities:
            self._quantities[key] = self._as_quantities(name, notation, holes)
        return self._quantities[key]

    def _as_quantities(self, name: str, notation: Notation, holes: Collection[str]) -> Host:
        cells = self._column(name)
        values, wrong = notation.numbers(cells, holes)
        if not len(wrong):
            return values
        row = int(wrong[0])
        cell = cells[row] if isinstance(cells[row], str) else float(cells[row])
        what = f"is not among the column's {notation.said()}"
        if notation.is_no_day(cell):
            what = "is a date that does not exist"
        said = quoted(cell, _CELL)
        keyword = f"missing=[{quoted(str(cell))}]" if self.places is None else "--missing, missing="
        raise self.error(
            row,
            name,
            f"{said} {what}: correct it, leave the row out, or train with it declared missing "
            f"({keyword})",
        )

    def labels(self, name: str, holes: Collection[str] = ()) -> list[str]:
        """A column as text, N str, with the empty text for a missing cell, and for ``holes``."""
        values = self._column(name)
        cells: list[str] = (as_text(values) if values.dtype.kind == "f" else values).tolist()
        return ["" if cell in holes else cell for cell in cells] if holes else cells

    def take(self, rows: Host | slice) -> Table:
        """The table of these rows, which are read in the same way; errors name the same lines."""
        lines = np.arange(1, len(self) + 1) if self.lines is None else self.lines
        found = Table.__new__(Table)
        found.columns = {name: values[rows] for name, values in self.columns.items()}
        found.source, found.lines, found._unit = self.source, lines[rows], self._unit
        found._arguments = self._arguments
        found.notes, found.index = self.notes, None if self.index is None else self.index[rows]
        found._numbers, found._notations = {}, dict(self._notations)
        found._quantities = {key: values[rows] for key, values in self._quantities.items()}
        return found

    def error(self, row: int, name: str, what: str) -> ValueError:
        """A ValueError with the message ``what``, after the place of the cell."""
        if name in self._arguments:
            return ValueError(f"{self.where(name)}, {self.place(row)}: {what}")
        return ValueError(f"{self.source}, {self.place(row)}, column {quoted(name)}: {what}")

    def where(self, name: str) -> str:
        """The beginning of errors about a whole column."""
        return self._arguments.get(name, f"{self.source}, column {quoted(name)}")

    def place(self, row: int) -> str:
        """A row's place: "line 7" of a file, or "row 6"."""
        return f"{self._unit} {row + 1 if self.lines is None else self.lines[row]}"

    def _column(self, name: str) -> Host:
        self.require(name)
        values = self.columns[name]
        if values.dtype.kind == "O":
            kinds = sorted({type(value).__name__ for value in values.tolist()})
            holds = f"holds {', '.join(kinds)}: make it numbers or text"
            raise TypeError(f"{self.where(name)} {holds}")
        return values

    def _read_numbers(self, name: str) -> Host:
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
            return self.error(row, name, f"{quoted(cell, _CELL)} is not a finite number")
        return self.error(row, name, f"{quoted(cell, _CELL)} is not a number: write it as 1234.5")

    def _no_column(self, name: str) -> ValueError:
        near = nearest(name, self.names)
        hint = f"did you mean {quoted(near)}? " if near else ""
        text = (
            f"{self.source} has no column {quoted(name)}: {hint}its columns are {shown(self.names)}"
        )
        if any(map(is_number, self.names)):
            text += " (the first line must be a header, the columns' names)"
        if self.names and self.names[0].startswith("#"):
            text += " (if the first line is a comment, remove it)"
        return ValueError(text + separator_hint(self.names))


def shown(names: tuple[str, ...], most: int = 20) -> str:
    """Names for an error or a listing, on one line; only the first ``most`` of many."""
    text = ", ".join(quoted(name, _CELL) for name in names[:most])
    return text if len(names) <= most else f"{text}, … ({len(names)} in all)"


def check_table(table: Any) -> Table:
    """The table, or a TypeError that says how to make one."""
    if not isinstance(table, Table):
        raise TypeError(
            "the table must be an xpnet Table (from read_csv, read_parquet, Table({…}) or "
            f"from_frame(frame)), got {type(table).__name__}"
        )
    return table


def repeated(names: Sequence[str]) -> tuple[int, int] | None:
    """The two places of the first name that occurs twice; None if all names differ."""
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if first.setdefault(name, i) < i:
            return first[name], i
    return None

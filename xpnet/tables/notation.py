"""A notation: how the cells of a column of text are read as numbers, or as dates.

It is data that a model file keeps. Only the different cells of a column are parsed, each once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from xpnet.errors import quoted
from xpnet.files.jsonable import flag_of, text_of
from xpnet.tables.cells import as_numbers, as_text, plain_number
from xpnet.tables.dates import ORDERS, date_of
from xpnet.tables.marks import DASHES, GROUPS, SIGNS, is_hole
from xpnet.typing import Host

__all__ = ["NAMES", "PLAIN", "Notation"]

_LONGEST = 100  # characters of a number


@dataclass(frozen=True)
class Notation:
    """How the cells of a column are written: numbers, or dates.

    Attributes
    ----------
    kind : {"number", "date"}
    decimal : {".", ","}
        The decimal sign.
    thousands : {"", ",", ".", " ", "'", "_"}
        What may stand between groups of three digits; " " is any space, also a narrow one.
    sign : str
        A percent or currency sign that a number may have at either end, or "". It does not change
        the number: 12 % is 12.
    order : {"", "ymd", "dmy", "mdy"}
        The order of a date such as 1/2/2020; "ymd": there are none. A number has "".
    local : bool
        Whether dates are taken as they are written, without the offset of their time.
    guessed : bool
        Whether no cell shows the order; it is neither compared nor kept in a file.

    Any number may have a sign of minus, or parentheses instead: (12) is -12.
    """

    kind: str
    decimal: str = "."
    thousands: str = ""
    sign: str = ""
    order: str = ""
    local: bool = False
    guessed: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        orders = ORDERS if self.kind == "date" else ("",)
        groups = {"", *GROUPS} - {self.decimal}
        for key, known in (
            ("kind", ("number", "date")),
            ("decimal", (".", ",")),
            ("thousands", groups),
            ("sign", ("", *SIGNS)),
            ("order", orders),
        ):
            if getattr(self, key) not in known:
                raise ValueError(
                    f"{key!r} must be one of {', '.join(map(repr, sorted(known)))}, got "
                    f"{quoted(getattr(self, key))}"
                )

    def numbers(self, cells: Host, holes: Collection[str] = ()) -> tuple[Host, Host]:
        """Read a column of text or numbers.

        Parameters
        ----------
        cells : (N,) text or float64
        holes : collection of str
            Cells that are missing, besides `HOLES`; numbers equal to them are missing too.

        Returns
        -------
        values : (N,) float64
            NaN where a cell is missing or wrong. Dates are days since 1970-01-01 UTC, with the time
            as the fraction of a day.
        wrong : (n,) int64
            Indices of cells that are neither missing nor a finite number or a date that exists.
        """
        values = self._values(cells)
        gone = np.zeros(len(values), bool)
        for token in holes:
            gone |= values == self.value(token)
        bad = np.flatnonzero(~np.isfinite(values))
        missing = _holes(cells[bad], holes)
        if cells.dtype.kind == "f":
            missing |= gone[bad]  # an infinity that is declared missing
        wrong = bad[~missing]
        values[bad] = math.nan
        values[gone] = math.nan
        return values, wrong

    def value(self, cell: str) -> float:
        """The number or the days that a cell means; NaN if it is neither, infinite if too large."""
        found = self._found(cell)
        return math.nan if found is None else found

    def fits(self, cell: str) -> bool:
        """Whether a cell has this form; 31/2/2020 has that of a date, though there is none."""
        return self._found(cell) is not None

    def is_no_day(self, cell: str | float) -> bool:
        """Whether a cell has the form of the column's dates, but there is no such day or time."""
        if self.kind != "date" or not isinstance(cell, str):
            return False
        found = self._found(cell)
        return found is not None and math.isnan(found)

    def _found(self, cell: str) -> float | None:
        """Like `value`, but None if the cell does not have this form at all."""
        if self.kind == "date":
            return date_of(cell, self.order, self.local)
        plain = plain_number(cell) if self._is_plain else math.nan
        if plain == plain:
            return plain
        return _number(cell, self.decimal, self.thousands, self.sign)

    @property
    def _is_plain(self) -> bool:
        return self.kind == "number" and (self.decimal, self.thousands) == (".", "")

    def _values(self, cells: Host) -> Host:
        if cells.dtype.kind == "f":
            if self.kind == "number":
                return cells.astype(np.float64)
            cells = as_text(cells)
        if self._is_plain:
            values = as_numbers(cells).copy()
            others = np.flatnonzero(np.isnan(values))
            values[others] = _each(cells[others], self.value, np.float64)
            return values
        return _each(cells, self.value, np.float64)

    def settings(self) -> dict[str, Any]:
        """What JSON keeps."""
        if self.kind == "date":
            local = {"local": True} if self.local else {}
            return {"kind": self.kind, "order": self.order, **local}
        keys = ("kind", "decimal", "thousands", "sign")
        return {key: getattr(self, key) for key in keys}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Notation:
        """The notation from its `settings`; ValueError if they are wrong."""
        kind = text_of(found, "kind")
        keys = ("order",) if kind == "date" else ("decimal", "thousands", "sign")
        marks: dict[str, Any] = {key: text_of(found, key) for key in keys}
        return cls(kind, **marks, local="local" in found and flag_of(found, "local"))

    def said(self) -> str:
        """The notation in words, with an example: "numbers such as 1.234,5 (decimal comma)"."""
        if self.kind == "date":
            local = ", each the midnight of a local day" if self.local else ""
            return f"dates such as {_DATES[self.order]}{local}"
        number = f"1{self.thousands}234{self.decimal}5"
        if self.sign:
            after = self.sign.isalpha() or self.sign in "%‰"
            number = f"{number} {self.sign}" if after else f"{self.sign}{number}"
        return f"numbers such as {number}" + " (decimal comma)" * (self.decimal == ",")


_DATES = {
    "ymd": "2020-01-31",
    "dmy": "31.1.2020 or 31/1/2020 (day first)",
    "mdy": "1/31/2020 (month first)",
}
PLAIN = Notation("number")
NAMES = {
    "number": PLAIN,
    "decimal-comma": Notation("number", ",", "."),
    "date": Notation("date", order="ymd"),
    "day-first": Notation("date", order="dmy"),
    "month-first": Notation("date", order="mdy"),
}
"""What a user may call a notation; `xpnet.tables.notations.notation_named` completes it."""


def _number(cell: str, decimal: str, thousands: str, sign: str) -> float | None:
    text = cell.strip() if len(cell) <= _LONGEST else ""
    match = _form(decimal, thousands, sign).fullmatch(text)
    if match is None:
        return None
    first, second, closed = match["first"], match["second"], match["closed"]
    open_ = "(" in (first, second)
    if (first and second) or open_ != bool(closed) or not _one_sign(match, sign):
        return None
    digits = match["number"].translate(_without(thousands)).replace(decimal, ".")
    negative = open_ or (first or second or "+") != "+"
    return -float(digits) if negative else float(digits)


def _one_sign(match: re.Match[str], sign: str) -> bool:
    return not sign or sum(match[key] is not None for key in ("a", "b", "c")) <= 1


@cache
def _without(thousands: str) -> dict[int, None]:
    return dict.fromkeys(map(ord, GROUPS.get(thousands, "")))


@cache
def _form(decimal: str, thousands: str, sign: str) -> re.Pattern[str]:
    """A number: sign of minus or (, currency, again one of the former, digits, ), currency."""
    between = f"[{re.escape(GROUPS[thousands])}]" if thousands else ""
    whole = rf"(?:[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+|[0-9]+)" if between else "[0-9]+"
    point = re.escape(decimal)
    digits = rf"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?"
    minus = rf"[-+({DASHES}]"
    a, b, c = (rf"(?P<{key}>{re.escape(sign)})?\s?" if sign else "" for key in "abc")
    return re.compile(
        rf"(?P<first>{minus})?\s?{a}(?P<second>{minus})?\s?(?P<number>{digits})\s?{b}(?P<closed>\))?"
        rf"\s?{c}"
    )


def _each(cells: Host, function: Callable[[str], Any], dtype: Any) -> Host:
    """``function`` of each cell (N,), called once for each different one."""
    listed = cells.tolist()
    found = {cell: function(cell) for cell in set(listed)}
    return np.fromiter(map(found.__getitem__, listed), dtype, len(listed))


def _holes(cells: Host, holes: Collection[str]) -> Host:
    """Whether each cell is missing (N,)."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    return _each(cells, lambda cell: is_hole(cell, holes), bool)

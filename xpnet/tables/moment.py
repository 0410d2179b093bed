"""A column of dates: days, the year, and the month, the weekday and the hour on circles.

a cyclic value c of a period p becomes sin(2π c/p), cos(2π c/p), so that December is near January
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from xpnet.files.jsonable import flag_of, mapping, text_of
from xpnet.tables.bounded import Bounded
from xpnet.tables.notation import Notation
from xpnet.tables.numeric import Numeric, far_cells, new_holes, with_flag
from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = ["Moment", "fit_numbers"]

_CYCLES = ("month", "weekday")
_EPOCH = np.datetime64("1970-01-01", "D")
_MOST = 4e6  # most days from it: 11,000 years


@dataclass(frozen=True)
class Moment:
    """A column of dates or times, in days since 1970-01-01; a hole has zeros, and a 1 as its flag.

    Attributes
    ----------
    name : str
    days, years : Bounded
    notation : Notation
        How the cells of text are written.
    hours : bool
        Whether the training rows have times of day.
    flag : bool
        Whether there is a column for holes.
    """

    kind: ClassVar[str] = "moment"
    name: str
    days: Bounded
    years: Bounded
    notation: Notation
    hours: bool
    flag: bool

    @classmethod
    def fit(cls, name: str, x: Host, notation: Notation, bins: int) -> Moment:
        """Fit the rules to the days (N,) of the rows, of which NaN are holes but not all."""
        there = x[~np.isnan(x)]
        hours = bool(np.any(there != np.floor(there)))
        years = Bounded.fit(_parts(there)["year"])
        return cls(name, Bounded.fit(there, bins), years, notation, hours, len(there) < len(x))

    @property
    def _cycles(self) -> tuple[str, ...]:
        return (*_CYCLES, "hour") if self.hours else _CYCLES

    @property
    def width(self) -> int:
        """The number of columns of X that it takes."""
        return self.days.width + self.years.width + 2 * len(self._cycles) + self.flag

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the column of ``table`` as (N, width) float64."""
        x = table.quantities(self.name, self.notation, holes)
        missing = np.isnan(x)
        parts = _parts(np.where(missing, 0.0, x))
        angles = [2 * np.pi * parts[cycle] / _PERIODS[cycle] for cycle in self._cycles]
        waves = np.column_stack([wave(angle) for angle in angles for wave in (np.sin, np.cos)])
        waves[missing] = 0.0
        years = np.where(missing, np.nan, parts["year"])
        X = np.column_stack([self.days.encode(x), self.years.encode(years), waves])
        return with_flag(X, missing, self.flag)

    def names(self) -> tuple[str, ...]:
        """A name for each column of `encode`."""
        waves = [
            f"{wave} of {self.name}'s {c}" for c in self._cycles for wave in ("sine", "cosine")
        ]
        years = self.years.names(f"{self.name}'s year")
        flag = (f"{self.name} is missing",) if self.flag else ()
        return (*self.days.names(self.name), *years, *waves, *flag)

    def about(self) -> str:
        """The rule in words."""
        ends = f"{_date(self.days.lowest)} to {_date(self.days.highest)}"
        return f"{ends}: days, year, {', '.join(self._cycles)}"

    def news(self, table: Table, holes: Collection[str] = ()) -> Iterator[str]:
        """Sentences on what the table has and the training rows had not."""
        x = table.quantities(self.name, self.notation, holes)
        yield from new_holes(table, self.name, np.isnan(x), self.flag)
        yield from far_cells(table, self.name, x, self.days, _date)

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {
            "notation": self.notation.settings(),
            "hours": self.hours,
            "flag": self.flag,
            "days": self.days.settings(),
            "years": self.years.settings(),
        }

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Moment:
        """The column, from a dict of its ``name`` and its `settings`."""
        days, years = (Bounded.restore(mapping(found.get(k), k)) for k in ("days", "years"))
        notation = Notation.restore(mapping(found.get("notation"), "the notation"))
        if notation.kind != "date" or max(map(abs, (days.lowest, days.highest))) > _MOST:
            raise ValueError("its notation is not one of dates, or its dates are of no calendar")
        flags = flag_of(found, "hours"), flag_of(found, "flag")
        return cls(text_of(found, "name"), days, years, notation, *flags)


def _date(days: float) -> str:
    """The date as ISO text."""
    return str(_EPOCH + np.timedelta64(int(np.floor(days)), "D"))


_PERIODS = {"month": 12.0, "weekday": 7.0, "hour": 24.0}


def _parts(days: Host) -> dict[str, Host]:
    """Year, month (0 … 11), weekday (0: Thursday) and hour of days since 1970-01-01, float64."""
    whole = np.floor(days)
    date = _EPOCH + whole.astype(np.int64)
    months = date.astype("datetime64[M]").astype(np.int64)
    return {
        "year": np.floor_divide(months, 12) + 1970.0,
        "month": np.mod(months, 12).astype(np.float64),
        "weekday": np.mod(whole, 7),
        "hour": 24 * (days - whole),
    }


def fit_numbers(
    table: Table,
    name: str,
    rows: Host | slice,
    notation: Notation,
    holes: Collection[str],
    bins: int,
) -> Numeric | Moment | None:
    """The column of numbers or dates, fitted to the rows; None if all of them are holes."""
    x = table.quantities(name, notation, holes)[rows]
    if np.isnan(x).all():
        return None
    try:
        return (Moment if notation.kind == "date" else Numeric).fit(name, x, notation, bins)
    except OverflowError as error:
        raise ValueError(f"{table.where(name)}: {error}") from error

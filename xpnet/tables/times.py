"""Convert dates, times and durations of Python, NumPy and pandas to text and numbers.

Dates become the text that a CSV file has, such as 2024-01-05, or 2024-01-05T12:30:00 in UTC if the
column has times. Times that are all local midnights keep their offset, with which they are read as
days. Durations become days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeGuard, TypeVar

import numpy as np

from xpnet.typing import Host

__all__ = ["days", "iso_text", "of_times"]

T = TypeVar("T")

_DAY = np.timedelta64(1, "D")
_UNITS = ("D", "s", "ms", "us")  # the first that is exact


def of_times(cells: Sequence[Any]) -> list[str] | list[float] | None:
    """Dates and times of day as text, "" where a cell is None; durations as days, with NaN.

    None if there are other cells, or nothing but None.

    Raises
    ------
    OverflowError
        A date is beyond Python's years in UTC.
    """
    there = [cell for cell in cells if cell is not None]
    if not there:
        return None
    if _all(there, np.datetime64):
        return iso_text(np.array([np.datetime64("NaT") if c is None else c for c in cells]))
    if _all(there, np.timedelta64):
        found = days(np.array([np.timedelta64("NaT") if c is None else c for c in cells]))
        return None if found is None else found.tolist()
    if _all(there, date):
        return _dates(cells, there)
    if _all(there, time):
        return ["" if cell is None else cell.isoformat() for cell in cells]
    if _all(there, timedelta):
        return [np.nan if c is None else c.total_seconds() / 86_400 for c in cells]
    return None


def iso_text(moments: Host) -> list[str]:
    """NumPy's dates (N,) as text, to the day if all begin one, else to the second or finer."""
    there = moments[~np.isnat(moments)]
    if not len(there):
        return [""] * len(moments)
    exact = (unit for unit in _UNITS if (there.astype(f"M8[{unit}]") == there).all())
    unit: Any = next(exact, np.datetime_data(moments.dtype)[0])
    text = np.datetime_as_string(moments, unit=unit)
    return ["" if cell == "NaT" else cell for cell in text.tolist()]


def days(durations: Host) -> Host | None:
    """NumPy's durations (N,) in days, float64; None if they are months or years."""
    try:
        return np.asarray(durations / _DAY, np.float64)
    except TypeError:  # their days differ
        return None


def _dates(cells: Sequence[Any], there: Sequence[date]) -> list[str]:
    moments = {cell: _in_utc(cell) for cell in there}
    if all(map(_begins_a_day, moments.values())):
        return ["" if cell is None else moments[cell].isoformat()[:10] for cell in cells]
    if all(map(_begins_a_day, there)):  # where they are, but not in UTC
        return ["" if cell is None else cell.isoformat() for cell in cells]
    return ["" if cell is None else moments[cell].isoformat() for cell in cells]


def _in_utc(moment: date) -> date:
    """The same moment without a time zone, in UTC; without one as it is."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)


def _begins_a_day(moment: date) -> bool:
    if not isinstance(moment, datetime):
        return True
    return moment.time() == time.min and not getattr(moment, "nanosecond", 0)


def _all(cells: Sequence[Any], kind: type[T]) -> TypeGuard[Sequence[T]]:
    return all(isinstance(cell, kind) for cell in cells)

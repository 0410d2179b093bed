"""Read dates and times as days since 1970-01-01 UTC; the time is the fraction of a day.

The forms are 2020-01-31 (also with / or .), 2020-01, 31.1.2020 or 1/31/2020 (``order`` says which),
31 Jan 2020, Jan 31, 2020 and 2020-Jan-31. Years of two digits are 1969 to 2068. A time may follow:
10:30, 10:30:59.123, 10:30 PM, with Z, UTC or an offset such as +01:00. Without one it is UTC. Of a
column of local midnights, such as 2020-01-31T00:00+01:00, offsets are left out: each is a day.
"""

from __future__ import annotations

import math
import re
from datetime import date

from xpnet.tables.marks import MONTH, MONTHS

__all__ = ["ORDERS", "date_of", "is_dotted"]

ORDERS = ("ymd", "dmy", "mdy")
"""Where the year has four digits and comes first, day and month first: see `date_of`."""

_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST = 64  # characters of a date
_DAY = r"(?P<d>\d{1,2})"
_YEAR = r"(?P<y>\d{4}|\d\d)"
_TIME = (
    r"(?:(?:t|,? +)(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d)(?P<F>[.,]\d+)?)?(?: ?(?P<half>[ap])m)?"
    r"(?: ?(?P<zone>z|utc|gmt|[-+]\d\d(?::?\d\d)?))?)?"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +)?"
_NAMED = rf"(?P<name>{MONTH})"
_ISO = re.compile(rf"(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s){_DAY}{_TIME}", re.ASCII)
_TWO = re.compile(rf"(?P<a>\d{{1,2}})(?P<s>[-/.])(?P<b>\d{{1,2}})(?P=s){_YEAR}{_TIME}", re.ASCII)
_OTHERS = [
    re.compile(form, re.ASCII)
    for form in (
        rf"{_WEEKDAY}{_DAY}(?:st|[nr]d|th)?(?P<s>[-/ .]) ?{_NAMED}[-/ ,] ?{_YEAR}{_TIME}",
        rf"{_WEEKDAY}{_NAMED}[- ]{_DAY}(?:st|[nr]d|th)?,? ?(?<=[ ,])(?P<y>\d{{4}}){_TIME}",
        rf"(?P<y>\d{{4}})[-/ ]{_NAMED}[-/ ]{_DAY}{_TIME}",
        r"(?P<y>\d{4})-(?P<m>\d\d)",
        r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
    )
]
_FORMS = (_ISO, _TWO, *_OTHERS)


def date_of(cell: str, order: str, local: bool = False) -> float | None:
    """Days since 1970, NaN for a day or time that does not exist, None for what is no date.

    ``order`` says what 1/2/2020 is: "dmy" the first of February, "mdy" the second of January,
    "ymd" none. A month that is not in 1 to 12, or a day not in 1 to 31, is none. ``local``: the
    time is taken as it is written, without its offset.
    """
    text = cell.strip().lower() if len(cell) <= _LONGEST else ""
    for form in _FORMS:
        if match := form.fullmatch(text):
            found = match.groupdict()
            return _days({**found, "zone": None} if local else found, order)
    return None


def is_dotted(cell: str) -> bool:
    """Whether a cell is a date such as 1.2.2020, of which the day comes first."""
    match = _TWO.fullmatch(cell.strip().lower()) if len(cell) <= _LONGEST else None
    return match is not None and match["s"] == "."


def _days(found: dict[str, str | None], order: str) -> float | None:
    if "a" in found:
        if order == "ymd":
            return None
        found |= dict(zip("dm" if order == "dmy" else "md", (found["a"], found["b"]), strict=True))
    name = found.get("name")
    month = MONTHS[name.rstrip(".")] if name else int(found["m"] or 0)
    day = int(found.get("d", "1") or 0)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    try:
        whole = date(_year(found["y"] or ""), month, day).toordinal() - _EPOCH
    except ValueError:  # 30 February
        return math.nan
    return whole + _fraction(found)


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (1900 if year >= 69 else 2000)


def _fraction(found: dict[str, str | None]) -> float:
    """The time as a fraction of a day, in UTC: below 0 or from 1 on if that is another day."""
    hour, minute, second = (int(found.get(key) or 0) for key in "HMS")
    if found.get("half"):
        if not 1 <= hour <= 12:
            return math.nan
        hour = hour % 12 + 12 * (found["half"] == "p")
    if hour > 23 or minute > 59 or second > 59:
        return math.nan
    part = float((found.get("F") or "0").replace(",", "."))
    return ((hour * 60 + minute - _offset(found.get("zone"))) * 60 + second + part) / 86_400


def _offset(zone: str | None) -> float:
    """Minutes ahead of UTC; NaN if it is more than a day."""
    if zone is None or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        return math.nan
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)

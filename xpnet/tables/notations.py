"""Find how the cells of a column of text are numbers: 1234.5, 1.234,5, $1,234, 12 %, or dates.

`notation_of` finds the notation by the cells alone, `notation_named` by what a user says of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from xpnet.tables.cells import as_text, is_number
from xpnet.tables.dates import is_dotted
from xpnet.tables.marks import DASHES, GROUPS, HOLES, SIGNS, is_hole
from xpnet.tables.notation import NAMES, PLAIN, Notation
from xpnet.typing import Host

__all__ = ["HOLES", "NAMES", "PLAIN", "Notation", "is_hole", "notation_named", "notation_of"]

_ENOUGH = 0.98  # share of the different cells that must fit, unless the notation is `PLAIN`
_SAMPLE, _LIKELY = 1000, 0.9  # cells tried first, and the share of them that must fit


def notation_of(cells: Host, holes: Collection[str] = ()) -> Notation | None:
    """The notation of a column of text (N,); None if it is text.

    It is the first notation that all different cells fit, apart from missing ones; those with fewer
    marks come first:

    - plain numbers are `PLAIN`;
    - 1,234 has a thousands separator, unless another cell, such as 0,5, shows a decimal comma;
    - 1.234 € has one too, unless another cell shows a decimal point;
    - 1/2/2020 has the month first, unless a cell is 13/2/2020.

    If none fits all, it is `PLAIN` if more than half are plain numbers, else the one that at least
    98 % fit. Cells that do not fit are then wrong.
    """
    there = _different(cells, holes)
    plain = sum(map(is_number, there))
    if plain == len(there):
        return PLAIN
    found, n = _best(there, _candidates(there))
    if n < len(there) and 2 * plain > len(there):
        return PLAIN
    return _marked(found, there) if found and n >= _ENOUGH * len(there) else None


def notation_named(name: str, cells: Host, holes: Collection[str] = ()) -> Notation:
    """The notation of a column whose user has said which of `NAMES` it is.

    What the name leaves open is found from the cells: of "number" all but the kind, of
    "decimal-comma" the thousands separator and the sign, of "date" the order. If half of the
    different cells or fewer fit, it is ``NAMES[name]``.
    """
    told, there = NAMES[name], _different(cells, holes)
    keys = {"number": ("kind",), "date": ("kind",), "decimal-comma": ("kind", "decimal")}
    same = keys.get(name, ("kind", "order"))
    candidates = [
        other
        for other in _candidates(there)
        if all(getattr(other, key) == getattr(told, key) for key in same)
    ]
    found, n = _best(there, candidates, 0.5)
    if found is None or 2 * n <= len(there):
        return told
    return _marked(found, there) if name in keys else found


_OTHER = {"dmy": "mdy", "mdy": "dmy"}


def _marked(found: Notation, cells: list[str]) -> Notation:
    """The notation; a date's order is guessed if the other order fits as many cells.

    Points show that the day comes first. Times that are all local midnights are days.
    """
    found = replace(found, local=_of_local_days(found, cells))
    if found.order not in _OTHER or _mostly_dotted(cells):
        return found
    other = replace(found, order=_OTHER[found.order])
    return replace(found, guessed=_fits(other, cells) >= _fits(found, cells))


def _of_local_days(found: Notation, cells: list[str]) -> bool:
    """Whether all dates begin a day where they were written, and some do not in UTC."""
    if found.kind != "date" or not any(":" in cell for cell in cells):
        return False
    local = replace(found, local=True)
    days = map(local.value, cells)  # of a column with other times, only the first are read
    return all(day != day or day.is_integer() for day in days) and any(
        _differ(found.value(cell), local.value(cell)) for cell in cells
    )


def _differ(a: float, b: float) -> bool:
    """Whether two numbers differ, neither of which is NaN."""
    return a != b and a == a and b == b


def _mostly_dotted(cells: list[str]) -> bool:
    return 2 * sum(map(is_dotted, cells)) > len(cells)


def _different(cells: Host, holes: Collection[str]) -> list[str]:
    """The different cells that are not missing, in order."""
    text = as_text(cells) if cells.dtype.kind == "f" else cells
    return [cell for cell in dict.fromkeys(text.tolist()) if not is_hole(cell, holes)]


def _sample(cells: list[str]) -> list[str]:
    return cells[:: max(1, len(cells) // _SAMPLE)]


def _best(
    cells: list[str], candidates: list[Notation], likely: float = _LIKELY
) -> tuple[Notation | None, int]:
    """The first of the candidates that most cells fit, and how many fit."""
    best: Notation | None = None
    most = 0
    sample = _sample(cells)
    for notation in candidates:
        if _fits(notation, sample) >= likely * len(sample):
            n = _fits(notation, cells)
            if n > most:
                best, most = notation, n
            if n == len(cells):
                break
    return best, most


def _fits(notation: Notation, cells: list[str]) -> int:
    return sum(map(notation.fits, cells))


_PAIRS = [(d, t) for d in ".," for t in ("", ",", ".", " ", "'") if d != t]
_OF_MONEY = [(",", "."), *(pair for pair in _PAIRS if pair != (",", "."))]  # 1.200 € is 1200


def _candidates(cells: list[str]) -> list[Notation]:
    """The notations whose marks occur in the cells, in order of preference."""
    sample = _sample(cells)
    has, sign = set("".join(cells)), _sign(sample)
    numbers = [
        Notation("number", d, t, sign)
        for d, t in (_PAIRS if sign in ("", "%", "‰") else _OF_MONEY)
        if (not t or not has.isdisjoint(GROUPS[t])) and (t or d == "." or d in has)
    ]
    orders = ("ymd", "dmy", "mdy") if _mostly_dotted(sample) else ("ymd", "mdy", "dmy")
    return numbers + [Notation("date", order=order) for order in orders]


_NO_SIGN = "0123456789.,'’ \u00a0\u2009\u202f()+-" + DASHES


def _sign(cells: list[str]) -> str:
    """The percent or currency sign that more than half of the cells have, or ""."""
    found = Counter(cell.strip(_NO_SIGN) for cell in cells)
    sign = max(SIGNS, key=found.__getitem__)
    return sign if 2 * found[sign] > len(cells) else ""

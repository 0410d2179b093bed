"""The marks of cells that are missing, of currencies, of months and of groups of digits."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["DASHES", "GROUPS", "HOLES", "MONTH", "MONTHS", "SIGNS", "is_hole"]

HOLES = frozenset(
    (
        *("", "?", "-", "--", "–", ".", "na", "n/a", "n.a.", "<na>", "#na", "#n/a", "#n/a n/a"),
        *("nan", "-nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "nat"),
        *("null", "none", "nil", "missing", "unknown"),
        *("#null!", "#div/0!", "#value!", "#ref!", "#name?", "#num!"),
    )
)
"""What stands for a missing cell, in lower case: usual words, and spreadsheets' errors."""
_LONGEST = max(map(len, HOLES))

SIGNS = (
    *("%", "‰", "$", "€", "£", "¥", "₹", "₩", "₽", "₺", "₪", "₫", "₴", "₦", "฿"),
    *("US$", "C$", "A$", "R$", "kr", "zł", "Kč"),
    *("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK"),
    *("PLN", "CZK", "HUF", "BRL", "MXN", "ZAR", "KRW", "TRY", "RUB", "SGD", "HKD"),
)
"""Percent and currency signs, and codes of currencies."""

GROUPS = {",": ",", ".": ".", " ": " \u00a0\u2009\u202f", "'": "'’", "_": "_"}
"""What may stand between groups of three digits; a space also if it is a narrow one."""

DASHES = "−–"
"""Signs of minus besides the hyphen."""

_NAMES = "january february march april may june july august september october november december"
MONTHS = {
    short: i
    for i, name in enumerate(_NAMES.split(), start=1)
    for short in {name, name[:3], *(["sept"] if name == "september" else [])}
}
"""The number of each month by its English name, long or short, in lower case."""

MONTH = rf"(?:{'|'.join(sorted(MONTHS, key=lambda name: (-len(name), name)))})\.?"
"""A regular expression for a month's name in lower case."""


def is_hole(cell: str, more: Collection[str] = ()) -> bool:
    """Whether a cell stands for a missing one: in `HOLES`, or one of ``more``."""
    stripped = cell.strip()
    return cell in more or stripped in more or stripped[: _LONGEST + 1].lower() in HOLES

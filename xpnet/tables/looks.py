"""Recognise text that looks like numbers in another notation, dates, or marks for holes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xpnet.tables.cells import is_number
from xpnet.tables.marks import DASHES, GROUPS, MONTH, SIGNS, is_hole

__all__ = ["DATES", "HOLES", "NUMBERS", "look_of", "looks_like_a_number"]

NUMBERS = "numbers in another notation"
DATES = "dates or times"
HOLES = "numbers with holes"

_MONEY = rf"(?:{'|'.join(map(re.escape, SIGNS))})(?![a-z])"
_BETWEEN = "".join(map(re.escape, GROUPS.values()))
_DIGITS = rf"\d{{1,3}}(?:[{_BETWEEN}]\d{{3}})+(?:[.,]\d+)?|\d+(?:[.,]\d*)?|[.,]\d+"
_NUMBER = re.compile(
    rf"[-+{DASHES}(]?\s?(?:{_MONEY})?\s?[-+{DASHES}]?(?:{_DIGITS})(?:[eE][-+]?\d+)?\s?"
    rf"(?:{_MONEY})?\)?"
)
_DATE = re.compile(
    r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{2,4}"
    rf"|\d{{1,2}}[ -]{MONTH}[ -]\d{{2,4}}|{MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}}:\d{{2}}(?=$|:))"
    r"(?:[T ,]*\d{1,2}:\d{2})?(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?(?:Z|[-+]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


def looks_like_a_number(text: str) -> bool:
    """Whether a spreadsheet may show a number so: 1,234.5, 0,5, $1, 12 %, or a plain one."""
    return _NUMBER.fullmatch(text.strip()) is not None


def look_of(texts: Iterable[str]) -> str | None:
    """What over half of a column's different texts look like, without holes; mostly None."""
    texts = set(texts)
    there = [text.strip() for text in texts if not is_hole(text)]
    if sum(_DATE.fullmatch(text) is not None for text in there) * 2 > len(there):
        return DATES
    if sum(map(looks_like_a_number, there)) * 2 <= len(there):
        return None
    plain = sum(map(is_number, there))
    if plain * 2 > len(there):  # plain numbers in a column of text
        return HOLES if len(there) < len(texts) else None
    return NUMBERS

"""Recognise text that looks like numbers in another notation, dates, or marks for holes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xpnet.tables.cells import is_number

__all__ = ["DATES", "HOLES", "NUMBERS", "is_hole", "look_of", "looks_like_a_number"]

NUMBERS = "numbers in another notation"
DATES = "dates or times"
HOLES = "numbers with holes"

_WORDS = {"na", "n/a", "#n/a", "n.a.", "nan", "<na>", "null", "none", "nil", "missing", "unknown"}
_MARKS = {"?", "-", "--", "–", "."}
_MONEY = r"(?:[$€£¥₹]|(?:USD|EUR|GBP|CHF)(?![a-z]))"
_DIGITS = r"\d{1,3}(?:[ ,.'’_\u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d*)?|[.,]\d+"
_NUMBER = re.compile(
    rf"[-+−(]?\s?{_MONEY}?\s?[-+−]?(?:{_DIGITS})(?:[eE][-+]?\d+)?\s?(?:%|‰|{_MONEY})?\)?"
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{2,4}"
    rf"|\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}}:\d{{2}}(?=$|:))"
    r"(?:[T ,]*\d{1,2}:\d{2})?(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?(?:Z|[-+]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


def is_hole(text: str) -> bool:
    """Whether it is a usual mark for a missing cell."""
    return text.strip().lower() in _WORDS | _MARKS


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

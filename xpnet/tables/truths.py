"""Truth values as text: a CSV may have TRUE or true, and a data frame's become "True"."""

from __future__ import annotations

from collections.abc import Iterable

from xpnet.tables.marks import is_hole

__all__ = ["as_written", "truths"]

_TRUTHS = {"true": True, "false": False}


def truths(texts: Iterable[str]) -> dict[str, bool]:
    """The truth value of each text, apart from missing ones; {} if any text is none.

    It is also {} if two texts mean the same value, such as TRUE and true: they may differ.
    """
    there = [text for text in texts if not is_hole(text)]
    found = {text: _TRUTHS[text.lower()] for text in there if text.lower() in _TRUTHS}
    return found if len(there) == len(found) == len(set(found.values())) else {}


def as_written(cells: list[str], known: Iterable[str]) -> list[str]:
    """The cells; if ``known`` are truth values, those of cells are written in their case."""
    written = {text.lower(): text for text in truths(known)}
    return [written.get(cell.lower(), cell) for cell in cells] if written else cells

"""Cells that a spreadsheet may run as formulas when it opens a CSV file (CSV injection).

CSV has no way to say that a cell is text: spreadsheets also run quoted ones. A cell counts as a
formula if its text begins with =, +, -, @, a tab, a carriage return or a NUL, as OWASP lists them,
perhaps after spaces. Signed numbers do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from xpnet.errors import quoted
from xpnet.tables.cells import TEXT

__all__ = ["formulas", "safe", "safe_columns"]

_BEGIN = re.compile(r"\s*[=@+\-＝＠＋－]|[\t\r\0]")  # wide ones too
_SIGNED = re.compile(r"\s*[-+][0-9.,'’ \u00a0\u202f]*(?:[eE][-+]?[0-9]+)?\s?%?\s*")
_SHOWN = 60  # characters of a cell in a message


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet may take the cell for a formula."""
    return _BEGIN.match(cell) is not None and _SIGNED.fullmatch(cell) is None


def safe(cell: str) -> str:
    """The cell, after an apostrophe if it is a formula; spreadsheets then show it as text."""
    return f"'{cell}" if is_formula(cell) else cell


def formulas(columns: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on formulas among the names and the cells of text; none if there are none."""
    for name, values in columns.items():
        if is_formula(name):
            yield f"the column name {quoted(name, _SHOWN)} is a formula to spreadsheets"
        found = [cell for cell in _texts(values) if is_formula(cell)]
        if found:
            cells = "cell is a formula" if len(found) == 1 else "cells are formulas"
            yield (
                f"column {quoted(name, _SHOWN)}: {len(found)} {cells} to spreadsheets, such as "
                f"{quoted(found[0], _SHOWN)}"
            )


def safe_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with `safe` names and cells; ValueError if two names become the same."""
    found = {safe(name): _safe_cells(values) for name, values in columns.items()}
    if len(found) < len(columns):
        raise ValueError("two columns would have the same name, once formulas have an apostrophe")
    return found


def _safe_cells(values: Any) -> Any:
    texts = _texts(values)
    return np.array([safe(cell) for cell in texts], TEXT) if any(map(is_formula, texts)) else values


def _texts(values: Any) -> list[str]:
    """The cells of a column of text; no number is a formula."""
    cells: list[str] = values.tolist() if values.dtype.kind in "TU" else []
    return cells

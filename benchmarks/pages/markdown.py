"""Results that are committed, and their form in Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import cell

__all__ = ["DOCS", "RESULTS", "ROOT", "median_of", "read", "table", "three_digits", "wide"]

RESULTS = Path(__file__).parents[1] / "results"
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def read(name: str) -> Any:
    """Read a committed result."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with numbers aligned right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def three_digits(x: float) -> str:
    """Format a number with three digits or more, without an exponent."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def wide(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose "mean ± deviation" is not broken into lines."""
    return table(head, rows).replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")


def median_of(row: dict[str, Any], unit: str) -> str:
    """Return the median of a contender's row, or a dash."""
    return cell(row["median"], unit) if "median" in row else "–"

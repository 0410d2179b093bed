"""``python -m benchmarks tables --report``: the summary as JSON, in the terminal, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.common import machine, write
from benchmarks.report import Table, aligned
from benchmarks.tabular import picture
from benchmarks.tabular.contenders import CONTENDERS
from benchmarks.tabular.runs import Run
from benchmarks.tabular.summary import summary
from benchmarks.tabular.variants import ALL_ROWS, ends_with_variant

__all__ = [
    "OUT",
    "error_rows",
    "failed_lines",
    "mean_rows",
    "pair_rows",
    "r2_line",
    "report",
    "spoiled_lines",
]

OUT = Path(__file__).parents[1] / "results" / "tables.json"


def report(lines: Mapping[Run, Mapping[str, Any]], out: Path | None) -> int:
    """Write and print the summary; return 1 if there is nothing to sum up.

    The picture goes into the docs only if the JSON goes into the results.
    """
    if not any("error" in row for row in lines.values()):
        print("there are no runs yet: `python -m benchmarks tables` makes them")
        return 1
    found = {"machine": machine(), **summary(lines)}
    write(out or OUT, found)
    if found["ranked"] and not out:
        picture.draw(found["ranked"])
    for rows in (error_rows(found), mean_rows(found), pair_rows(found)):
        print(aligned(*rows), end="\n\n")
    print(r2_line(found), *spoiled_lines(found), *failed_lines(found), sep="\n")
    return 0


def error_rows(found: Mapping[str, Any]) -> Table:
    """Return a row a table: mean errors ± standard deviations; the least is marked with *."""
    names = list(found["contenders"])
    rows = []
    for table, figures in found["tables"].items():
        if ends_with_variant(table):
            continue
        least = min(row["error"][0] for row in figures.values())
        splits = sorted({row["splits"] for row in figures.values()})
        counts = f"{splits[0]}" if len(splits) == 1 else f"{splits[0]}–{splits[-1]}"
        rows.append([table, counts, *(_error(figures.get(name), least) for name in names)])
    return ["table", "splits", *names], rows


def _error(row: Mapping[str, Any] | None, least: float) -> str:
    if row is None:
        return "–"
    error, spread = row["error"]
    best = "*" if error <= least else ""
    return f"{error:.3f}{best} ± {spread:.3f}" if row["splits"] > 1 else f"{error:.3f}{best}"


def r2_line(found: Mapping[str, Any]) -> str:
    """Return R² of the contenders on tables with all training rows; "" if none has run."""
    lines = []
    for table, figures in found["tables"].items():
        if table.endswith(ALL_ROWS):
            values = (f"{name} {row['r2'][0]:.4f}" for name, row in figures.items())
            lines.append(f"R² on {table}: {', '.join(values)}.")
    return "\n".join(lines)


def spoiled_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a line for each contender with spoiled cells: on which tables its error changed."""
    return [
        f"{name}, one spoiled cell: {len(rows)} tables with one, "
        + (f"changed more than the spread: {', '.join(changed)}." if changed else "none changed.")
        for name, rows in found["spoiled"].items()
        for changed in [[table for table, row in rows.items() if not row["within"]]]
    ]


def failed_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a line for each contender that failed: on which tables, and why on the first."""
    return [
        f"{name} failed on {', '.join(tables)} ({next(iter(tables.values()))})."
        for name, tables in found["failed"].items()
    ]


def mean_rows(found: Mapping[str, Any]) -> Table:
    """Return a row a contender: its normalised error, wins, mean rank, seconds, settings."""
    head = ["contender", "tables", "normalised error", "wins", "mean rank", "CPU s", "settings"]
    ranks = found["ranked"].get("mean_ranks", {})
    return head, [
        [
            name,
            f"{row['tables']}",
            f"{row['normalised_error']:.3f}",
            f"{row['wins']}",
            f"{ranks[name]:.2f}" if name in ranks else "–",
            f"{_seconds(name, found):.1f}",
            CONTENDERS[name].words,
        ]
        for name, row in found["contenders"].items()
    ]


def _seconds(name: str, found: Mapping[str, Any]) -> float:
    """Return the contender's CPU seconds of a training, the mean over the fifteen tables."""
    tables = [row for table, row in found["tables"].items() if not ends_with_variant(table)]
    return mean(float(row[name]["cpu_seconds"][0]) for row in tables if name in row)


def pair_rows(found: Mapping[str, Any]) -> Table:
    """Return a row for xpnet's contenders beside each other one."""
    head = ["", "beside", "tables", "better on", "error ×", "normalised errors", "CPU ×"]
    return head, [
        [
            own,
            other,
            f"{row['tables']}",
            f"{row['better']}",
            f"{row['error_ratio']:.3f}",
            " / ".join(f"{e:.3f}" for e in row["normalised_errors"]),
            f"{row['cpu_ratio']:.2f}",
        ]
        for own, others in found["pairs"].items()
        for other, row in others.items()
    ]

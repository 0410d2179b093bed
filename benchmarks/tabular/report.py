"""``python -m benchmarks tables --report``: the summary as JSON, in the terminal, as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.common import machine, write
from benchmarks.report import Table, aligned
from benchmarks.tabular import picture
from benchmarks.tabular.contenders import CONTENDERS, OWN
from benchmarks.tabular.runs import Run
from benchmarks.tabular.summary import summary
from benchmarks.tabular.variants import ALL_ROWS, ends_with_variant

__all__ = [
    "OUT",
    "behind_rows",
    "error_rows",
    "failed_lines",
    "log_loss_rows",
    "mean_rows",
    "pair_rows",
    "r2_line",
    "report",
    "seconds_rows",
    "short_line",
    "shown_as",
    "spoiled_lines",
]

OUT = Path(__file__).parents[1] / "results" / "tables.json"

BEHIND = 0.03
"""A contender is behind on a table if another one has that much less error, as a fraction."""

PEERS = {
    "HistGradientBoosting": "gradient-boosted trees",
    "RealMLP-TD": "RealMLP",
    "TabM": "TabM",
}
"""The peers of the short line, and what it calls them."""

SHOWN = {"xpnet 0.1 command": "xpnet before this recipe"}
"""What the pages call a contender, if not by its name."""

NETWORKS = "RealMLP-TD", "TabM"
"""Those of which the short line compares the time."""


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


def shown_as(name: str) -> str:
    """Return what the pages call a contender, whose name in the results stays."""
    return SHOWN.get(name, name)


def error_rows(found: Mapping[str, Any]) -> Table:
    """Return a row a table: mean errors ± standard deviations; the least is marked with *."""
    return _figure_rows(found, "error")


def log_loss_rows(found: Mapping[str, Any]) -> Table:
    """Return a row a table of classes: log losses as `error_rows` has errors."""
    return _figure_rows(found, "log_loss")


def seconds_rows(found: Mapping[str, Any]) -> Table:
    """Return a row a table: the CPU seconds of a training, the mean over splits."""
    names = list(found["contenders"])
    shown = map(shown_as, names)
    rows = [
        [table, *(f"{row[n]['cpu_seconds'][0]:.1f}" if n in row else "–" for n in names)]
        for table, row in _fifteen(found).items()
    ]
    return ["table", *shown], rows


def _fifteen(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of the tables as they are, without the variants."""
    return {name: row for name, row in found["tables"].items() if not ends_with_variant(name)}


def _figure_rows(found: Mapping[str, Any], key: str) -> Table:
    names, rows = list(found["contenders"]), []
    for table, figures in _fifteen(found).items():
        values = [row[key][0] for row in figures.values() if key in row]
        if not values:
            continue
        splits = sorted({row["splits"] for row in figures.values()})
        counts = f"{splits[0]}" if len(splits) == 1 else f"{splits[0]}–{splits[-1]}"
        cells = (_figure(figures.get(name, {}), key, min(values)) for name in names)
        rows.append([table, counts, *cells])
    return ["table", "splits", *map(shown_as, names)], rows


def _figure(row: Mapping[str, Any], key: str, least: float) -> str:
    if key not in row:
        return "–"
    value, spread = row[key]
    best = "*" if value <= least else ""
    return f"{value:.3f}{best} ± {spread:.3f}" if row["splits"] > 1 else f"{value:.3f}{best}"


def behind_rows(found: Mapping[str, Any]) -> Table:
    """Return the tables on which another contender has less error than xpnet, the worst first."""
    rows = []
    for table, figures in _fifteen(found).items():
        others = {name: row for name, row in figures.items() if name not in OWN}
        if OWN[0] not in figures or not others:
            continue
        best = min(others, key=lambda name: others[name]["error"][0])
        own, error = figures[OWN[0]]["error"][0], others[best]["error"][0]
        if error <= own * (1 - BEHIND):
            ratio = own / error if error else math.inf
            rows.append(
                (ratio, [table, f"{own:.3f}", f"{error:.3f}", shown_as(best), f"{ratio:.2f}"])
            )
    head = ["table", OWN[0], "best other", "which is", "error ×"]
    return head, [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def short_line(found: Mapping[str, Any]) -> str:
    """Return what the README says: figures only, which hold whoever is ahead."""
    every, pairs = found["contenders"], found["pairs"][OWN[0]]
    own, less = every[OWN[0]], pairs["scikit-learn MLP"]
    known = {
        name: words
        for name, words in PEERS.items()
        if every.get(name, {}).get("tables") == own["tables"]
    }
    peers = [f"{words} {every[name]['normalised_error']:.3f}" for name, words in known.items()]
    beside = f" ({', '.join(peers)})" if peers else ""
    ratios = [
        f"{pairs[name]['error_ratio']:.2f} times that of {words}" for name, words in known.items()
    ]
    return "\n".join(
        [
            f"On {own['tables']} real tables, `xpnet train data.csv --target COLUMN` has less "
            f"error than scikit-learn's MLP on {less['better']}.",
            f"Its mean normalised error is {own['normalised_error']:.3f}{beside}.",
            "On each table the best contender has the normalised error 0, and the worst has 1.",
            *(
                [f"Its error is {' and '.join(ratios)}, as a geometric mean over tables."]
                if ratios
                else []
            ),
            *_time_lines(pairs, own["tables"]),
            f"A table has {_splits(found)}.",
        ]
    )


def _time_lines(pairs: Mapping[str, Any], tables: int) -> list[str]:
    """Return a line for each network: its CPU time, and on how many tables if not on all."""
    rows = {name: pairs[name] for name in NETWORKS if name in pairs}
    return [
        f"A training takes {row['cpu_ratio']:.2g} times the CPU time of {PEERS[name]}"
        + ("." if row["tables"] == tables else f" (on {row['tables']} of them).")
        for name, row in rows.items()
    ]


def _splits(found: Mapping[str, Any]) -> str:
    """Return on how many splits the tables stand: "1 to 3 splits"."""
    each = {row[OWN[0]]["splits"] for row in _fifteen(found).values() if OWN[0] in row}
    least, most = min(each), max(each)
    return f"{least} to {most} splits" if most > least else f"{most} split{'s' * (most > 1)}"


def r2_line(found: Mapping[str, Any]) -> str:
    """Return R² of the contenders on tables with all training rows; "" if none has run."""
    lines = []
    for table, figures in found["tables"].items():
        if table.endswith(ALL_ROWS):
            values = (f"{shown_as(name)} {row['r2'][0]:.4f}" for name, row in figures.items())
            lines.append(f"R² on {table}: {', '.join(values)}.")
    return "\n".join(lines)


def spoiled_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a line for each contender with spoiled cells: on which tables its error changed."""
    return [
        f"{shown_as(name)}, one spoiled cell in the training rows of {len(rows)} tables: "
        + (
            f"the error changed by more than the spread of splits on {', '.join(changed)}."
            if changed
            else "on none did the error change by more than the spread of splits."
        )
        for name, rows in found["spoiled"].items()
        for changed in [[table for table, row in rows.items() if not row["within"]]]
    ]


def failed_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a line for each contender that failed: on which tables, and why on the first."""
    return [
        f"{shown_as(name)} failed on {', '.join(tables)} ({next(iter(tables.values()))})."
        for name, tables in found["failed"].items()
    ]


def mean_rows(found: Mapping[str, Any]) -> Table:
    """Return a row a contender: its normalised error, wins, mean rank, seconds, settings."""
    head = ["contender", "tables", "normalised error", "wins", "mean rank", "CPU s", "settings"]
    ranks = found["ranked"].get("mean_ranks", {})
    return head, [
        [
            shown_as(name),
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
    tables = _fifteen(found).values()
    return mean(float(row[name]["cpu_seconds"][0]) for row in tables if name in row)


def pair_rows(found: Mapping[str, Any]) -> Table:
    """Return a row for xpnet's contenders beside each other one."""
    head = ["", "beside", "tables", "better on", "error ×", "normalised errors", "CPU ×"]
    return head, [
        [
            own,
            shown_as(other),
            f"{row['tables']}",
            f"{row['better']}",
            f"{row['error_ratio']:.3f}",
            " / ".join(f"{e:.3f}" for e in row["normalised_errors"]),
            f"{row['cpu_ratio']:.2f}",
        ]
        for own, others in found["pairs"].items()
        for other, row in others.items()
    ]

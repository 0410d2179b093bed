"""Format results as rows of text, for the terminal and the documentation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import mean
from typing import Any

from benchmarks.figures import best, ratio
from benchmarks.targets import ALL_PEERS

__all__ = [
    "aligned",
    "cell",
    "contender_rows",
    "exponent_rows",
    "latency_rows",
    "missing",
    "target_rows",
]

Table = tuple[list[str], list[list[str]]]


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns for a terminal: the first aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    )


def cell(seconds: float, unit: str) -> str:
    """Format a time: in seconds if the unit is "run", otherwise in microseconds."""
    if unit == "run":
        return f"{seconds:.2f}"
    return f"{seconds * 1e6:,.1f}" if seconds < 1e-3 else f"{seconds * 1e6:,.0f}"


def times(value: float | None) -> str:
    """Format a ratio with three digits or more; "–" if it is missing."""
    return "–" if value is None else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def contender_rows(
    contenders: Mapping[str, Any], unit: str, peers: Collection[str] = ALL_PEERS
) -> Table:
    """Return a workload's contenders: median, quartiles, ratios and preparation.

    For a run, also accuracy and memory.
    """
    head = ["contender", "s" if unit == "run" else "µs", "quartiles", "× best peer", "× products"]
    head += ["import s", "prepare s", *(["accuracy", "peak MB"] if unit == "run" else [])]
    first = best(contenders, peers)
    rows = []
    for name, row in contenders.items():
        if "median" not in row:
            continue
        quartiles = " – ".join(cell(q, unit) for q in row["quartiles"])
        to_best = None if first is None else row["median"] / first[1]
        cells = [name, cell(row["median"], unit), quartiles, times(to_best)]
        cells.append(times(ratio(contenders, name, "products")))
        cells += [f"{row[f'{what}_seconds']:.2f}" for what in ("import", "prepare")]
        rows.append(cells + (_of_run(row) if unit == "run" else []))
    return head, rows


def missing(contenders: Mapping[str, Any]) -> list[str]:
    """Return a line for each contender without figures, with the reason."""
    return [
        f"{name} {state}: {row[state]}"
        for name, row in contenders.items()
        for state in ("absent", "failed")
        if state in row
    ]


def _of_run(row: Mapping[str, Any]) -> list[str]:
    accuracy = f"{mean(row['accuracy']):.4f}" if "accuracy" in row else "–"
    return [accuracy, f"{row['peak_bytes'] / 1e6:.0f}"]


def target_rows(targets: Sequence[Mapping[str, Any]]) -> Table:
    """Return each target with the figure found, the peer compared with, and met or missed."""
    head = ["workload", "measure", "target", "found", "", "against"]
    return head, [
        [
            row["workload"],
            row["measure"],
            f"{'≥' if row['target'] < 0 else '≤'} {row['target']:g}",
            f"{row['found']:.4f}" if row["target"] < 0 else times(row["found"]),
            "met" if row["met"] else "missed",
            _against(row),
        ]
        for row in targets
    ]


def _against(row: Mapping[str, Any]) -> str:
    """Return the peer that a target is compared with, and further comparisons of its row."""
    words = [row["against"]]
    if "once_an_epoch" in row:
        words.append(f"{times(row['found_once_an_epoch'])} × {row['once_an_epoch']}")
    if row.get("products_over_those_of_torch", 0) > 1.1:
        words.append(f"which take {times(row['products_over_those_of_torch'])} × torch's")
    return "; ".join(words)


def exponent_rows(sweeps: Mapping[str, Any]) -> Table:
    """Return the range of each sweep, and the exponents of time and memory."""
    head = ["grows", "of", "from", "to", "time ∝", "memory ∝"]
    return head, [
        [
            name,
            sweep["network"],
            f"{sweep['points'][0]['x']:,}",
            f"{sweep['points'][-1]['x']:,}",
            f"x^{sweep['time_exponent']:.2f}",
            f"x^{sweep['memory_exponent']:.2f}",
        ]
        for name, sweep in sweeps.items()
    ]


def latency_rows(examples: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the times of predictions, with a column for each number of examples."""
    head = ["contender", *(f"{int(n):,} example{'s' * (n != '1')}, µs" for n in examples)]
    found = {
        name: [contenders[name] for contenders in examples.values()]
        for name in next(iter(examples.values()))
    }
    return head, [
        [name, *(cell(row["median"], "call") for row in rows)]
        for name, rows in found.items()
        if all("median" in row for row in rows)
    ]

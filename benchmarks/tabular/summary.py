"""The arithmetic of the summary: normalised errors, wins, ranks, the critical difference.

For a table, e_i is contender i's error, the mean over the splits. Its normalised error is

    (e_i − min_j e_j) / (max_j e_j − min_j e_j)

so 0 is the best contender and 1 the worst. The mean over tables is the average distance to the
minimum (Wistuba, Schilling & Schmidt-Thieme 2015). Feurer et al. 2021 and Grinsztajn, Oyallon &
Varoquaux 2022 use it too; the latter clip at a quantile of their random search in place of the
maximum.

Ranks are compared as in Demšar 2006 ("Statistical comparisons of classifiers over multiple data
sets", JMLR 7): Friedman's test, then Nemenyi's critical difference

    CD = q_α √(k(k + 1) / (6 N))

for k contenders on N tables. q_α is the studentized range's quantile for k groups and infinite
degrees of freedom, over √2.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from benchmarks.tabular.contenders import CONTENDERS, OWN
from benchmarks.tabular.runs import Run
from benchmarks.tabular.sources import SOURCES
from benchmarks.tabular.variants import HOLE, OUTLIER, ends_with_variant

__all__ = ["critical_difference", "normalised", "ranks", "summary", "wins"]

ALPHA = 0.05
LEAST = 1e-3
"""Smaller errors and seconds count as this in ratios."""

Lines = Mapping[Run, Mapping[str, Any]]
Errors = Mapping[str, Mapping[str, float]]
"""For each table the error of each contender."""

Results = Mapping[str, Mapping[str, Mapping[int, Mapping[str, Any]]]]
"""For each table, contender and split the line; without contenders that failed on a split."""

FIGURES = "error", "log_loss", "r2", "cpu_seconds", "wall_seconds", "peak_bytes"


def summary(lines: Lines) -> dict[str, Any]:
    """Return the figures of each table, and those over all tables, on splits that all have.

    Variants of tables are not among the fifteen: they have figures, and count nowhere else. Only
    contenders with a result on every table have ranks. Pairs are compared on the splits that both
    have.
    """
    results = _results(lines)
    fifteen = {table: rows for table, rows in results.items() if not ends_with_variant(table)}
    errors = {table: _errors(rows, _common(rows)) for table, rows in fifteen.items()}
    names = [name for name in CONTENDERS if any(name in row for row in errors.values())]
    everywhere = [name for name in names if all(name in row for row in errors.values())]
    return {
        "tables": {table: _figures(rows) for table, rows in results.items()},
        "failed": _failed(lines),
        "spoiled": _spoiled(results),
        "contenders": {name: _overall(name, errors) for name in names},
        "ranked": _ranked(everywhere, errors),
        "pairs": {own: _pairs(own, names, fifteen) for own in OWN if own in names},
    }


def _results(lines: Lines) -> dict[str, dict[str, dict[int, Mapping[str, Any]]]]:
    failed = {(run.table, run.contender) for run, row in lines.items() if "failed" in row}
    found: dict[str, dict[str, dict[int, Mapping[str, Any]]]] = {}
    for run in sorted(lines, key=_place):
        if "error" in lines[run] and (run.table, run.contender) not in failed:
            rows = found.setdefault(run.table, {}).setdefault(run.contender, {})
            rows[run.split] = lines[run]
    return found


def _place(run: Run) -> tuple[int, str, int]:
    """Return the place of a run in the report: by table in the sources' order, then contender."""
    names = [source.name for source in SOURCES]
    first = next((i for i, name in enumerate(names) if run.table.startswith(name)), len(names))
    return first, run.table, list(CONTENDERS).index(run.contender)


def _failed(lines: Lines) -> dict[str, dict[str, str]]:
    """Return for each contender the tables on which it failed, and why."""
    found: dict[str, dict[str, str]] = {}
    for run in sorted(lines, key=_place):
        if why := lines[run].get("failed"):
            found.setdefault(run.contender, {}).setdefault(run.table, why)
    return found


def _common(rows: Mapping[str, Collection[int]]) -> list[int]:
    """Return the splits that all contenders of a table have; all splits if there are none."""
    each = [set(splits) for splits in rows.values()]
    return sorted(set.intersection(*each) or set.union(*each))


def _figures(rows: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return each contender's mean and deviation over the common splits of a table."""
    splits, found = _common(rows), {}
    for name, by_split in rows.items():
        chosen = [by_split[k] for k in splits if k in by_split]
        found[name] = {"splits": len(chosen)} | {
            key: _mean_and_deviation([row[key] for row in chosen])
            for key in FIGURES
            if all(key in row for row in chosen)
        }
    return found


def _spoiled(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """Return each contender's tables with a spoiled cell: how it changed the mean error.

    The change is within the spread if it is at most the standard deviation of the error over those
    splits, without the spoiled cell.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for table, rows in results.items():
        plain = results.get(table.removesuffix(OUTLIER).removesuffix(HOLE), {})
        for name, by_split in rows.items() if table.endswith((OUTLIER, HOLE)) else ():
            splits = sorted(set(by_split) & set(plain.get(name, ())))
            if splits:
                pairs = [[one[k]["error"] for k in splits] for one in (by_split, plain[name])]
                (error, _), (before, spread) = map(_mean_and_deviation, pairs)
                row = {"splits": len(splits), "change": round(error - before, 5), "spread": spread}
                found.setdefault(name, {})[table] = row | {"within": abs(error - before) <= spread}
    return found


def _mean_and_deviation(values: Sequence[float]) -> list[float]:
    spread = stdev(values) if len(values) > 1 else 0.0
    return [float(f"{x:.4g}") for x in (mean(values), spread)]


def _errors(
    rows: Mapping[str, Mapping[int, Mapping[str, Any]]], splits: Collection[int]
) -> dict[str, float]:
    """Return the mean errors over those splits, of the contenders that have them all."""
    return {
        name: mean(by_split[k]["error"] for k in splits)
        for name, by_split in rows.items()
        if set(splits) <= set(by_split)
    }


def normalised(errors: Mapping[str, float]) -> dict[str, float]:
    """Return each contender's normalised error on a table; 0 if all errors are equal."""
    least, most = min(errors.values()), max(errors.values())
    return {name: (e - least) / (most - least or 1.0) for name, e in errors.items()}


def wins(name: str, errors: Errors) -> int:
    """Return the number of tables on which no other contender has a smaller error."""
    return sum(name in row and row[name] <= min(row.values()) for row in errors.values())


def _overall(name: str, errors: Errors) -> dict[str, Any]:
    own = [normalised(row)[name] for row in errors.values() if name in row]
    return {"tables": len(own), "normalised_error": round(mean(own), 4), "wins": wins(name, errors)}


def ranks(errors: Mapping[str, float]) -> dict[str, float]:
    """Return each contender's rank on a table, 1 for the least error; equal ones share theirs."""
    values = list(errors.values())
    return {
        name: 1 + sum(v < e for v in values) + (sum(v == e for v in values) - 1) / 2
        for name, e in errors.items()
    }


def critical_difference(k: int, n: int, alpha: float = ALPHA) -> float:
    """Return Nemenyi's critical difference of mean ranks of k contenders on n tables."""
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, k, math.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * n))


def friedman(mean_ranks: Sequence[float], n: int) -> dict[str, float]:
    """Return Friedman's χ², and its p-value with k − 1 degrees of freedom.

    χ² = 12 N / (k(k + 1)) (Σ R_j² − k(k + 1)² / 4), without a correction for ties.
    """
    from scipy.stats import chi2

    k = len(mean_ranks)
    squares = sum(r * r for r in mean_ranks) - k * (k + 1) ** 2 / 4
    statistic = 12 * n / (k * (k + 1)) * squares
    return {"chi2": round(statistic, 3), "p": float(f"{chi2.sf(statistic, k - 1):.3g}")}


def _ranked(names: Sequence[str], errors: Errors) -> dict[str, Any]:
    """Return mean ranks of the contenders that have run on all tables, and their comparison."""
    if len(names) < 2:
        return {}
    each = [ranks({name: row[name] for name in names}) for row in errors.values()]
    means = {name: mean(row[name] for row in each) for name in names}
    return {
        "tables": len(each),
        "mean_ranks": {
            name: round(means[name], 3) for name in sorted(names, key=means.__getitem__)
        },
        "friedman": friedman(list(means.values()), len(each)),
        "alpha": ALPHA,
        "critical_difference": round(critical_difference(len(names), len(each)), 3),
    }


def _pairs(name: str, others: Sequence[str], results: Results) -> dict[str, dict[str, Any]]:
    """Return xpnet's contender beside each other one."""
    found = {other: _pair(name, other, results) for other in others if other != name}
    return {other: row for other, row in found.items() if row}


def _pair(name: str, other: str, results: Results) -> dict[str, Any]:
    """Return two contenders on the splits of tables that both have; {} if there are none.

    The ratios of errors and of CPU seconds are geometric means over tables, of name's to other's.
    """
    both, rows = (name, other), []
    for table in results.values():
        splits = set(table.get(name, ())) & set(table.get(other, ()))
        if splits:
            errors = _errors(table, splits)
            scaled = normalised(errors)
            seconds = [mean(table[one][k]["cpu_seconds"] for k in splits) for one in both]
            rows.append([*(errors[one] for one in both), *(scaled[one] for one in both), *seconds])
    if not rows:
        return {}
    own, others, own_scaled, others_scaled, own_seconds, others_seconds = zip(*rows, strict=True)
    return {
        "tables": len(rows),
        "better": sum(a < b for a, b in zip(own, others, strict=True)),
        "error_ratio": _geometric_mean(own, others),
        "normalised_errors": [round(mean(own_scaled), 4), round(mean(others_scaled), 4)],
        "cpu_ratio": _geometric_mean(own_seconds, others_seconds),
    }


def _geometric_mean(above: Sequence[float], below: Sequence[float]) -> float:
    logs = [math.log(max(a, LEAST) / max(b, LEAST)) for a, b in zip(above, below, strict=True)]
    return round(math.exp(mean(logs)), 4)

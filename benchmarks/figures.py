"""The arithmetic of the benchmarks: medians and quartiles, the best of several, exponents."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import linear_regression, median, quantiles
from typing import Any

__all__ = ["best", "exponent", "ratio", "summary"]


def summary(seconds: Sequence[float]) -> dict[str, Any]:
    """Return the figures, their median and quartiles (of two: both), in four digits."""
    lower, upper = min(seconds), max(seconds)
    if len(seconds) > 2:
        lower, _, upper = quantiles(seconds, method="inclusive")
    return {
        "seconds": [_digits(s) for s in seconds],
        "median": _digits(median(seconds)),
        "quartiles": [_digits(lower), _digits(upper)],
    }


def _digits(x: float) -> float:
    return float(f"{x:.4g}")


def best(
    contenders: Mapping[str, Mapping[str, Any]], among: Collection[str]
) -> tuple[str, float] | None:
    """Return the name and median of the fastest contender with figures."""
    medians = {name: row["median"] for name, row in contenders.items() if "median" in row}
    name = min((name for name in medians if name in among), key=medians.__getitem__, default=None)
    return None if name is None else (name, medians[name])


def ratio(contenders: Mapping[str, Mapping[str, Any]], name: str, to: str) -> float | None:
    """Return the ratio of two medians; None if either is missing."""
    above, below = (contenders.get(one, {}).get("median") for one in (name, to))
    return None if above is None or below is None else above / below


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Return p of y ≈ c xᵖ: the least-squares slope of log y over log x, in the upper range.

    The upper range is the larger half of the points, with the middle one, and at least two. Below
    it, constant costs dominate.
    """
    points = sorted(zip(x, y, strict=True))
    upper = points[min(len(points) // 2, len(points) - 2) :]
    logs = [(math.log(a), math.log(b)) for a, b in upper]
    return linear_regression(*zip(*logs, strict=True)).slope

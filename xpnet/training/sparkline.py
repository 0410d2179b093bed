"""A row of numbers as a row of bars, one character each: ▇▅▃▂▁."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["sparkline"]

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 20) -> str:
    """Draw the values as bars, the smallest lowest; beyond ``width``, means of neighbours.

    The scale is logarithmic if all are positive, since a loss falls by factors. A value that is not
    finite is a space.

    >>> sparkline([8.0, 4.0, 2.0, 1.0])
    '█▆▃▁'
    """
    means = _pooled(values, width)
    is_positive = all(mean > 0 for mean in means)
    heights = [math.log(mean) for mean in means] if is_positive else means
    finite = [h for h in heights if math.isfinite(h)]
    if not finite:
        return " " * len(heights)
    low, span = min(finite), max(finite) - min(finite) or 1.0
    top = len(_BARS) - 1
    return "".join(
        _BARS[round((h - low) / span * top)] if math.isfinite(h) else " " for h in heights
    )


def _pooled(values: Sequence[float], width: int) -> list[float]:
    """Means of at most ``width`` runs of neighbours, whose lengths differ by at most one."""
    n = min(len(values), width)
    ends = [i * len(values) // n for i in range(n + 1)] if n else []
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(ends)]

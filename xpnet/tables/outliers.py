"""Cells that by themselves decide a column's scale: a slip of the keyboard, a code for "missing".

A column is standardised by its mean and its standard deviation, so one cell far from all others
squeezes those together. A heavy tail alone is no such case: its largest values lie apart as the
ones below them do. So a few values are outlying if the gap below them is much wider than the tail
makes likely, *and* if they harm the column.

With d_1 > d_2 > … the different distances from the median, a tail like a power of d has spacings
ln(d_k / d_{k+1}) that are exponential with the mean γ/k, and Hill's estimate of γ is the mean of
ln(d_i / d_{k+m}) over the m distances below the gap (Hill, "A simple general approach to inference
about the tail of a distribution", 1975). Lighter tails have narrower gaps.
"""

from __future__ import annotations

import numpy as np

from xpnet.tables.cells import Array

__all__ = ["outlying"]

_ROWS = 30  # that there must be, to speak of a rule and its exception
_VALUES = 3  # different values that may be outlying together
_SHARE = 0.1  # of the cells, at most: more are no exception
_CHANCE = 1e-3  # of so wide a gap in a heavy tail
_LEAST = 6  # different distances below the gap, without which there is no tail to estimate
_NARROW, _WIDE = 2.0, 30.0  # times the distance below: no gap, and one in whatever tail
_SHARPEST = 0.1  # γ at least: equal distances would make any gap too wide
_FAR = 20.0  # standard deviations from the mean, which normal and exponential columns do not reach
_SQUEEZED = 3.0  # times the standard deviation without those cells


def outlying(values: Array) -> Array:
    """Indices of the cells (N,) that are outlying, in their order; mostly none."""
    if len(values) < _ROWS:
        return np.arange(0)
    distance = np.abs(values / 2 - np.median(values / 2))  # halves, so that none overflows
    far = np.unique(distance[distance > 0])[::-1]
    for k in range(min(_VALUES, len(far) - 1), 0, -1):
        cells = np.flatnonzero(distance >= far[k - 1])
        few = len(cells) <= max(1, _SHARE * len(values))
        if few and _is_apart(far, k) and _harms(values, cells):
            return cells
    return np.arange(0)


def _is_apart(far: Array, k: int) -> bool:
    """Whether the gap below the k largest is too wide for the tail below it."""
    below, ratio = far[k:], float(far[k - 1] / far[k])
    if ratio > _WIDE or ratio < _NARROW or len(below) < _LEAST:
        return ratio > _WIDE
    m = min(len(below) - 1, max(_LEAST, int(2 * np.sqrt(len(below)))))
    gamma = max(float(np.mean(np.log(below[:m] / below[m]))), _SHARPEST)
    gap = k * np.log(ratio) / gamma
    return bool(
        (1 + gap / m) ** -m < _CHANCE
    )  # γ is estimated by m values: a ratio, not exponential


def _harms(values: Array, cells: Array) -> bool:
    """Whether they lie far out in standard deviations, or shrink those of all others."""
    rest = np.delete(values, cells)
    scale, without = _spread(values), _spread(rest)
    if without == 0:
        return False
    furthest = float(np.abs(values[cells] - np.mean(values)).max())
    return furthest > _FAR * scale or scale > _SQUEEZED * without


def _spread(values: Array) -> float:
    """The standard deviation, without a square that overflows or vanishes."""
    largest = float(np.abs(values).max())
    return largest * float(np.std(values / largest)) if largest else 0.0

"""Find cells that decide a column's scale: a typing error, or a code for "missing".

A column is standardised by its mean and its standard deviation, so one cell far from all others
squeezes those together. A heavy tail by itself is harmless: gaps between its largest values are
like those further down. So a few values are outlying only if the gap below them is much wider than
the tail makes likely, *and* if they harm the column.

Let d_1 > d_2 > … be the different distances from the median. If the tail is a power of d, the
spacings ln(d_k / d_{k+1}) are exponential with the mean γ/k. Hill's estimate of γ is the mean of
ln(d_i / d_{k+m}) over the m distances below the gap (Hill, "A simple general approach to inference
about the tail of a distribution", 1975). Lighter tails have narrower gaps.
"""

from __future__ import annotations

import numpy as np

from xpnet.typing import Host

__all__ = ["outlying"]

_ROWS = 30  # fewest rows in which any cell can be an exception
_VALUES = 3  # most different values that may be outlying together
_SHARE = 0.1  # largest share of the cells: more are not an exception
_CHANCE = 1e-3  # largest probability of such a gap in a heavy tail
_LEAST = 6  # fewest different distances below the gap to estimate the tail from
_NARROW, _WIDE = 2.0, 30.0  # ratios of distances: never a gap below, always one above
_SHARPEST = 0.1  # least γ: with equal distances any gap would be too wide
_FAR = 20.0  # standard deviations that normal and exponential columns do not reach
_SQUEEZED = 3.0  # times the standard deviation without those cells


def outlying(values: Host) -> Host:
    """Indices of the outlying cells of ``values`` (N,), in order; mostly none."""
    if len(values) < _ROWS:
        return np.arange(0)
    distance = np.abs(values / 2 - np.median(values / 2))  # halves, so that no difference overflows
    far = np.unique(distance[distance > 0])[::-1]
    for k in range(min(_VALUES, len(far) - 1), 0, -1):
        cells = np.flatnonzero(distance >= far[k - 1])
        few = len(cells) <= max(1, _SHARE * len(values))
        if few and _is_apart(far, k) and _harms(values, cells):
            return cells
    return np.arange(0)


def _is_apart(far: Host, k: int) -> bool:
    """Whether the gap below the k largest is too wide for the tail below it."""
    below, ratio = far[k:], float(far[k - 1] / far[k])
    if ratio > _WIDE or ratio < _NARROW or len(below) < _LEAST:
        return ratio > _WIDE
    m = min(len(below) - 1, max(_LEAST, int(2 * np.sqrt(len(below)))))
    gamma = max(float(np.mean(np.log(below[:m] / below[m]))), _SHARPEST)
    gap = k * np.log(ratio) / gamma
    return bool(
        (1 + gap / m) ** -m < _CHANCE
    )  # not exponential, since γ is estimated from m values


def _harms(values: Host, cells: Host) -> bool:
    """Whether the cells are many standard deviations out, or inflate the standard deviation."""
    rest = np.delete(values, cells)
    scale, without = _spread(values), _spread(rest)
    if without == 0:
        return False
    furthest = float(np.abs(values[cells] - np.mean(values)).max())
    return furthest > _FAR * scale or scale > _SQUEEZED * without


def _spread(values: Host) -> float:
    """The standard deviation, computed so that no square overflows or vanishes."""
    largest = float(np.abs(values).max())
    return largest * float(np.std(values / largest)) if largest else 0.0

"""Turn numbers into bounded columns: a robust scale, a smooth clip, and pieces of lines.

    z   = (x − median) / (q₇₅ − q₂₅)                ½ (q₁₋ₐ − qₐ) if the quartiles are equal
    e_0 = z / √(1 + (z/3)²)                                within (−3, 3)
    e_j = 2 min(max((x − t_{j−1}) / (t_j − t_{j−1}), 0), 1) − 1          j = 1 … B, knots t_0 … t_B

a is the first of 10, 5, 2, 1, 0.5, 0.1 and 0 % for which these differ. The scale and the clip are
those of RealMLP: Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024). There, a is 0,
so one cell far from all others may decide the scale. The pieces are those of Gorishniy, Rubachev
and Babenko, "On embeddings for numerical features in tabular deep learning" (2022), mapped to ±1.
The outer knots are the quantiles of 1 and 99 %. So a few cells far from all others change neither
the scale nor the knots, and their own columns stay bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from xpnet.files.jsonable import list_of, number_of
from xpnet.typing import Host

__all__ = ["Bounded", "bins_for"]

_CLIP = 3.0
_FEWEST, _MOST = 2, 32  # pieces
_ROWS = 100  # rows for each piece
_NUMBERS = 1 << 29  # most numbers in X
_END = 0.01  # share of the values beyond the outer knots, so that a few far ones move no knot
_TAILS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.001, 0.0)  # shares beyond the quantiles of a scale


def bins_for(n: int, columns: int = 1) -> int:
    """The number of pieces for n training rows of so many columns.

    It is one for each 100 rows, but from 2 to 32, and fewer if X had more than 2²⁹ numbers (2 GiB
    in float32).
    """
    fit = _NUMBERS // (n * columns) - 1  # each column of numbers has one of X more than pieces
    return max(_FEWEST, min(_MOST, n // _ROWS, fit))


def _half_width(x: Host) -> float:
    """Half of the distance of two quantiles that differ; 0 if all values are equal."""
    for share in _TAILS:
        low, high = np.quantile(x, (share, 1 - share), method="closest_observation")
        if high > low:
            return float(high / 2 - low / 2)
    return 0.0


@dataclass(frozen=True)
class Bounded:
    """The rule for one quantity: center, scale, and the knots of its pieces.

    Attributes
    ----------
    center, scale : float
        scale is 0 if all training values are equal; z is then 0.
    lowest, highest : float
        The range of the training values.
    knots : tuple of float
        Increasing; fewer than three are none.
    """

    center: float
    scale: float
    lowest: float
    highest: float
    knots: tuple[float, ...] = ()

    @classmethod
    def fit(cls, x: Host, bins: int = 0) -> Bounded:
        """Fit the rule to values (N,) without holes; N ≥ 1. ``bins`` 0: no pieces."""
        low, high = float(x.min()), float(x.max())
        if not np.isfinite(high - low):
            raise OverflowError("its numbers are too large to subtract")
        q25, middle, q75 = (float(q) for q in np.quantile(x, (0.25, 0.5, 0.75)))
        scale = q75 - q25 or _half_width(x)
        knots: tuple[float, ...] = ()
        if bins:
            ends = np.quantile(x, (_END, 1 - _END), method="closest_observation")
            levels = np.quantile(x, np.linspace(0, 1, bins + 1))
            knots = tuple(np.unique(np.clip(levels, *ends)).tolist())
        return cls(middle, scale, low, high, knots if len(knots) > 2 else ())

    @property
    def width(self) -> int:
        """The number of columns of `encode`."""
        return max(1, len(self.knots))

    def encode(self, x: Host) -> Host:
        """e_0 … e_B (N, width); a hole, NaN, has zeros."""
        found = np.zeros((len(x), self.width))
        there = np.flatnonzero(~np.isnan(x))
        value = x[there]
        if self.scale:
            with np.errstate(over="ignore"):
                z = np.clip((value - self.center) / self.scale, -1e100, 1e100)
            found[there, 0] = _CLIP * z / np.hypot(_CLIP, z)
        if self.knots:
            t = np.asarray(self.knots)
            with np.errstate(over="ignore"):
                share = (np.clip(value, t[0], t[-1])[:, None] - t[:-1]) / np.diff(t)
            found[there, 1:] = 2 * np.clip(share, 0, 1) - 1
        return found

    def names(self, name: str) -> tuple[str, ...]:
        """A name for each column of `encode`."""
        ends = zip(self.knots[:-1], self.knots[1:], strict=True) if self.knots else ()
        return (name, *(f"{name} from {a:.6g} to {b:.6g}" for a, b in ends))

    def is_far(self, x: Host) -> Host:
        """Whether each value (N,) lies further outside of the training range than it is wide."""
        width = self.highest - self.lowest
        with np.errstate(invalid="ignore"):
            return np.asarray((x < self.lowest - width) | (x > self.highest + width))

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps."""
        return {
            "center": self.center,
            "scale": self.scale,
            "lowest": self.lowest,
            "highest": self.highest,
            "knots": list(self.knots),
        }

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Bounded:
        """The rule, from its `settings`."""
        knots = [number_of({"knots": knot}, "knots") for knot in list_of(found, "knots")]
        if knots and (len(knots) < 3 or any(a >= b for a, b in pairwise(knots))):
            raise ValueError("'knots' must be increasing, and three or more")
        lowest, highest = number_of(found, "lowest"), number_of(found, "highest")
        if lowest > highest:
            raise ValueError("'lowest' must be at most 'highest'")
        scale = number_of(found, "scale")
        if scale < 0:
            raise ValueError("'scale' must not be negative")
        return cls(number_of(found, "center"), scale, lowest, highest, tuple(knots))

"""A search along a line for a step that meets the strong Wolfe conditions.

Along θ + a d, φ(a) is the value and φ'(a) = ∇f(θ + a d)·d its slope, negative at a = 0. Wanted is

    φ(a) ≤ φ(0) + c₁ a φ'(0)          low enough
    |φ'(a)| ≤ c₂ |φ'(0)|              and flat enough

by bracketing and cubic interpolation: Nocedal and Wright, "Numerical optimization" (2006),
algorithms 3.5 and 3.6. Everything here is on the host; φ computes where the arrays are.

Where φ has a kink (relu) it may be flat enough nowhere. A bracket that is narrow for its step is
therefore enough, as in Moré and Thuente, "Line search algorithms with guaranteed sufficient
decrease" (1994), and its lowest end is taken: to close in on the kink would cost evaluations, and
from a point on it no direction leads down for long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Point", "strong_wolfe"]


_NARROW = 0.01  # of the step: see above


class Point(NamedTuple):
    """A step a, φ(a), φ'(a), and the parameters and the gradient there."""

    step: float
    value: float
    slope: float
    theta: Any
    gradient: Any


class _Conditions(NamedTuple):
    origin: Point
    c1: float
    c2: float

    def low(self, p: Point) -> bool:
        """Low enough; NaN and infinity are not."""
        line = self.origin.value + self.c1 * p.step * self.origin.slope
        return math.isfinite(p.value) and math.isfinite(p.slope) and p.value <= line

    def flat(self, p: Point) -> bool:
        """Flat enough."""
        return abs(p.slope) <= -self.c2 * self.origin.slope


def strong_wolfe(
    phi: Callable[[float], Point],
    origin: Point,
    first: float,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    limit: int = 25,
) -> Point:
    """A point that meets both conditions, from the first step to try.

    Where none is found within ``limit`` evaluations, or a bracket gets narrow, the lowest point
    that is low enough: the origin itself, if there is no other.
    """
    conditions = _Conditions(origin, c1, c2)
    before, p = origin, phi(first)
    for done in range(1, limit):
        if not conditions.low(p) or (before is not origin and p.value >= before.value):
            return _zoom(phi, conditions, before, p, limit - done)
        if conditions.flat(p):
            return p
        if p.slope >= 0:
            return _zoom(phi, conditions, p, before, limit - done)
        reach, ahead = p.step - before.step, _cubic(before, p)
        nearest, farthest = p.step + 0.1 * reach, p.step + 9.0 * reach
        step = min(max(ahead, nearest), farthest) if math.isfinite(ahead) else farthest
        before, p = p, phi(step)
    return p if conditions.low(p) and p.value < before.value else before


def _zoom(
    phi: Callable[[float], Point], conditions: _Conditions, low: Point, high: Point, limit: int
) -> Point:
    """A point between ``low``, the lowest that is low enough, and ``high``, downhill from it."""
    for _ in range(limit):
        a, b = sorted((low.step, high.step))
        if b - a <= _NARROW * b:
            break
        margin = 0.1 * (b - a)
        step = _cubic(low, high)
        p = phi(min(max(step, a + margin), b - margin) if math.isfinite(step) else 0.5 * (a + b))
        if not conditions.low(p):
            high = p
        elif conditions.flat(p):
            return p
        elif p.value >= low.value:
            high = p
        else:
            if p.slope * (high.step - low.step) >= 0:
                high = low
            low = p
    return low


def _cubic(p: Point, q: Point) -> float:
    """The minimum of the cubic through two points with their slopes; NaN where it has none."""
    if not math.isfinite(q.value) or not math.isfinite(q.slope):
        return math.nan
    if p.step > q.step:
        p, q = q, p
    middle = p.slope + q.slope - 3 * (p.value - q.value) / (p.step - q.step)
    square = middle * middle - p.slope * q.slope
    if not 0 <= square < math.inf:
        return math.nan
    root = math.sqrt(square)
    below = q.slope - p.slope + 2 * root
    return q.step - (q.step - p.step) * (q.slope + root - middle) / below if below else math.nan

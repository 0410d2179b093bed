"""A search along a line for a step that meets the strong Wolfe conditions.

Along θ + a d, φ(a) is the value and φ'(a) = ∇f(θ + a d)·d its slope, negative at a = 0. The step a
must satisfy

    φ(a) ≤ φ(0) + c₁ a φ'(0)          low enough
    |φ'(a)| ≤ c₂ |φ'(0)|              and flat enough

It is found by bracketing and cubic interpolation: Nocedal and Wright, "Numerical optimization"
(2006), algorithms 3.5 and 3.6. This code runs on the host; φ runs on the arrays' device.

If φ has a kink (relu), no step may be flat enough. The search therefore also ends if its bracket is
narrow relative to the step, as in Moré and Thuente, "Line search algorithms with guaranteed
sufficient decrease" (1994), and returns the bracket's lowest end. Closing in on the kink would cost
evaluations, and from a point on it no direction leads down for long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Point", "strong_wolfe"]


_NARROW = 0.01  # largest width of a narrow bracket, as a share of the step


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
        """Whether p is low enough; NaN and infinity are not."""
        line = self.origin.value + self.c1 * p.step * self.origin.slope
        return math.isfinite(p.value) and math.isfinite(p.slope) and p.value <= line

    def flat(self, p: Point) -> bool:
        """Whether p is flat enough."""
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
    """A point that meets both conditions; ``first`` is the first step to try.

    If none is found within ``limit`` evaluations, or the bracket gets narrow, the result is the
    lowest point found that is low enough, or ``origin`` if there is none.
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
    """A point between ``low``, the lowest one that is low enough, and ``high``, downhill of it."""
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
    """The step that minimises the cubic through two points and their slopes; NaN if none does."""
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

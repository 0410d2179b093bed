"""Whether two engines' results are the same but for rounding.

Every array (θ, each of the optimizer's, each statistic, the losses) is compared on its own: the
largest difference, over the largest entry. It must lie below 1e-10 in float64, and 1e-4 in float32:
some thousand operations, each wrong by half a unit in the last place.

A few draws magnify rounding by more than that: a gradient that cancels to nothing and is then
divided by its own size, a comparison of two numbers that are equal. They are found by trying the
same plain steps three times with arrays, and three times with sums and means, that differ in
their last places (four units; one), and once with more bits (twice as many; 11 more than
float64's). An engine may differ from the plain steps by thirty times as much as those do, and the
draw counts as *noisy*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = ["Results", "difference", "verdict"]

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
SMALLEST = {"float64": 1e-8, "float32": 1e-6}
"""Entries below this are noise: the scale of an array that is zero but for rounding."""

_AMONG_NOISE = 30.0

Results = dict[str, np.ndarray[Any, Any]]
"""Arrays by name."""


def difference(found: Results, expected: Results, dtype: str) -> tuple[float, str]:
    """The largest relative difference, and where; infinite where what is finite differs."""
    return max(
        (_difference(found[name], expected[name], SMALLEST[dtype]), name) for name in expected
    )


def _difference(found: Any, expected: Any, smallest: float) -> float:
    found, expected = (np.asarray(x, dtype=np.float64) for x in (found, expected))
    if found.shape != expected.shape:
        return np.inf
    finite = np.isfinite(expected)
    if not (np.isfinite(found) == finite).all():
        return np.inf
    if not finite.any():
        return 0.0
    scale = max(float(np.abs(expected[finite]).max()), smallest)
    return float(np.abs(found[finite] - expected[finite]).max()) / scale


def verdict(
    found: Results, expected: Results, dtype: str, perturbed: Callable[[], Iterable[Results]]
) -> tuple[str, str]:
    """ "same", "noisy" or "differs", and a message."""
    error, name = difference(found, expected, dtype)
    message = f"{name} differs by {error:.3g} of its largest entry"
    if error <= TOLERANCE[dtype]:
        return "same", message
    noise = max(difference(other, expected, dtype)[0] for other in perturbed())
    if error <= _AMONG_NOISE * noise:
        return "noisy", message
    return "differs", f"{message}; rounding makes {noise:.3g}"

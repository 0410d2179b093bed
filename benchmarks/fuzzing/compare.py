"""Compare two engines' results: do they differ by more than rounding?

Each array is compared separately: θ, the optimizer's state, the statistics and the losses. The
error is the largest difference divided by the largest entry. It must be at most 1e-10 in float64
and 1e-4 in float32: some thousand operations, each wrong by half a unit in the last place.

A few draws magnify rounding by more than that. For example, a gradient cancels to nothing and is
then divided by its own size, or two equal numbers are compared. To find such draws, the plain steps
are repeated with other roundings (`benchmarks.fuzzing.engines.perturbed`). If the engine's error is
at most thirty times the largest error of these repetitions, the draw counts as *noisy*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = ["Results", "difference", "verdict"]

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
SMALLEST = {"float64": 1e-8, "float32": 1e-6}
"""Arrays whose entries are all smaller are zero except for rounding; this is their scale."""

_AMONG_NOISE = 30.0

Results = dict[str, np.ndarray[Any, Any]]
"""Arrays by name."""


def difference(found: Results, expected: Results, dtype: str) -> tuple[float, str]:
    """Return the largest relative difference and the array's name; inf if finite places differ."""
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
    """Return "same", "noisy" or "differs", and a message."""
    error, name = difference(found, expected, dtype)
    message = f"{name} differs by {error:.3g} of its largest entry"
    if error <= TOLERANCE[dtype]:
        return "same", message
    noise = max(difference(other, expected, dtype)[0] for other in perturbed())
    if error <= _AMONG_NOISE * noise:
        return "noisy", message
    return "differs", f"{message}; rounding makes {noise:.3g}"

"""Whether the logarithm of a target may be the better quantity to predict.

The rule was chosen on 36 public quantities; docs/decisions/tables.md says what it does there.
"""

from __future__ import annotations

import numpy as np

from xpnet.typing import Host

__all__ = ["is_skewed"]

_ROWS = 50  # fewest rows: the skewness of fewer is by chance
_LEAST = 1.0  # of the skewness of y
_LEFT = 0.5  # the most of it that the logarithm may leave, of either sign


def is_skewed(y: Host) -> bool:
    """Whether y (N,) is positive and skewed to the right, and its logarithm much less."""
    if len(y) < _ROWS or not (y > 0).all() or y.min() == y.max():
        return False
    skewness = _skewness(y / y.max())  # so that no cube overflows
    return skewness > _LEAST and abs(_skewness(np.log(y))) <= _LEFT * skewness


def _skewness(x: Host) -> float:
    """The third moment of the standardised x (N,)."""
    z = x - x.mean()
    return float(np.mean(z**3) / np.mean(z**2) ** 1.5)

"""Intervals around a regressor's predictions, by split conformal prediction.

The half width follows from the absolute errors on held-out rows, as in `xpnet.tables.calibration`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.errors import quoted
from xpnet.ranges import is_number
from xpnet.tables.calibration import half_width, order_statistics
from xpnet.typing import Host

__all__ = ["interval_of", "residuals_of"]


def residuals_of(predicted: Host, y: Host, weights: Host | None) -> list[tuple[float, ...]]:
    """The sorted absolute errors of each target, of (N,) or (N, T); weights of 0 do not count."""
    errors = np.asarray(y, np.float64) - predicted
    errors = errors.reshape(len(errors), -1)
    if weights is not None:
        errors, weights = errors[weights > 0], weights[weights > 0]
    return [order_statistics(own, weights) if len(own) else () for own in errors.T]


def interval_of(predicted: Host, residuals: Any, coverage: Any) -> Host:
    """Return the ends (N, 2) around predictions (N,), or (N, T, 2) around (N, T).

    Raises
    ------
    ValueError
        ``coverage`` is not within (0, 1), or too few rows were held out.
    """
    if not is_number(coverage) or not 0 < coverage < 1:
        raise ValueError(f"coverage must lie between 0 and 1, got {quoted(coverage)}")
    if not residuals or not residuals[0]:
        raise ValueError(
            "no rows were held out to measure errors on: fit with early_stopping=True, or with "
            "validation_data"
        )
    n = len(residuals[0])
    half = np.array([half_width(own, coverage) for own in residuals])
    if not np.all(np.isfinite(half)):
        raise ValueError(
            f"coverage can be at most {n / (n + 1):.6g} with {n} rows held out, got {coverage}"
        )
    half = half[0] if predicted.ndim == 1 else half
    return np.stack([predicted - half, predicted + half], axis=-1)

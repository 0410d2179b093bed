"""Intervals that hold a quantity with a given probability, from the errors on rows held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xpnet.errors import quoted
from xpnet.ranges import is_number
from xpnet.tables.calibration import half_width
from xpnet.tables.quantity import Quantity
from xpnet.typing import Host

__all__ = ["ends_of", "half_widths", "named_ends"]


def half_widths(residuals: Sequence[tuple[float, ...]], coverage: float) -> list[float]:
    """The half width of each target's intervals, in units of Y, from its sorted residuals.

    Raises
    ------
    ValueError
        ``coverage`` is not within (0, 1), or too few rows were held out for it.
    """
    if not is_number(coverage) or not 0 < coverage < 1:
        raise ValueError(f"coverage must lie between 0 and 1, got {quoted(coverage)}")
    return [_half_width(own, coverage) for own in residuals]


def _half_width(residuals: tuple[float, ...], coverage: float) -> float:
    width, n = half_width(residuals, coverage), len(residuals)
    if np.isfinite(width):
        return width
    if not n:
        raise ValueError("no rows were held out to measure errors on: train without quick")
    raise ValueError(f"coverage can be at most {n / (n + 1):.6g}, got {coverage}")


def ends_of(targets: Sequence[Quantity], outputs: Host, widths: Sequence[float]) -> list[Host]:
    """The ends (N, 2) of each target's intervals around its column of the outputs (N, T)."""
    columns = zip(targets, outputs.T, widths, strict=True)
    return [target.ends(predicted, width) for target, predicted, width in columns]


def named_ends(targets: Sequence[str], each: Sequence[Host]) -> dict[str, Host]:
    """The ends as named columns: "lower" and "upper", or of several targets "lower_<target>"."""
    of = [f"_{name}" for name in targets] if len(targets) > 1 else [""]
    return {
        f"{end}{name}": own[:, k]
        for name, own in zip(of, each, strict=False)  # no ends: no columns
        for k, end in enumerate(("lower", "upper"))
    }

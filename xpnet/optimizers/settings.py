"""Checks of an optimizer's settings, with the name of the setting in the message."""

from __future__ import annotations

import math

__all__ = ["check_fraction", "check_not_negative"]


def check_not_negative(name: str, value: float) -> None:
    """A finite number ≥ 0."""
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number ≥ 0, got {value!r}")


def check_fraction(name: str, value: float) -> None:
    """A number in [0, 1)."""
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value!r}")

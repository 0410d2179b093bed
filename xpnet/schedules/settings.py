"""Helpers shared by the schedules: checks, and lengths in steps or in epochs."""

from __future__ import annotations

from typing import Any

from xpnet.errors import quoted
from xpnet.ranges import check_not_negative, is_number, positive_integer

__all__ = ["check_factor", "check_length", "check_rate", "length", "open_length"]


def check_rate(value: Any) -> None:
    """Raise unless a schedule's own learning rate is a finite number ≥ 0."""
    check_not_negative("learning_rate", value)


def check_factor(name: str, value: Any) -> None:
    """Raise a ValueError unless ``value`` is a number in (0, 1]."""
    if not is_number(value) or not 0 < value <= 1:
        raise ValueError(f"{name} must lie in (0, 1], got {quoted(value)}")


def check_length(steps: Any, epochs: Any) -> None:
    """Raise unless exactly one of the two is given, as a positive integer."""
    if (steps is None) == (epochs is None):
        raise ValueError(
            f"give either steps or epochs, got steps={quoted(steps)} and epochs={quoted(epochs)}"
        )
    positive_integer("epochs" if steps is None else "steps", epochs if steps is None else steps)


def length(steps: int | None, epochs: int | None, steps_per_epoch: int) -> int | None:
    """The length in steps; None if neither is given."""
    return steps if epochs is None else epochs * steps_per_epoch


def open_length(schedule: Any, setting: str = "steps") -> ValueError:
    """The error for a schedule that is called before its length is known."""
    return ValueError(
        f"{type(schedule).__name__} does not know how long the fit is: give {setting}, or call "
        "bind(total_steps, steps_per_epoch) as `fit` does"
    )

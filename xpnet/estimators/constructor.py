"""Constructors that only store their parameters, as scikit-learn asks."""

from __future__ import annotations

from typing import Any

__all__ = ["store"]


def store(estimator: Any, given: dict[str, Any]) -> None:
    """Set each parameter as the attribute of its name; ``given`` is the constructor's locals()."""
    for name, value in given.items():
        if name != "self":
            setattr(estimator, name, value)

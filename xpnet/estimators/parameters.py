"""The constructors of estimators: scikit-learn asks that they store their arguments, unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["keep_parameters"]


def keep_parameters(given: Mapping[str, Any]) -> None:
    """Set each argument of a constructor, whose ``locals()`` are given, in its ``self``.

    Call it first: ``keep_parameters(locals())``.
    """
    estimator = given["self"]
    for name, value in given.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)

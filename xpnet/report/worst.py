"""Find the examples with the largest loss."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xpnet.typing import Host

__all__ = ["Case", "worst"]


class Case(NamedTuple):
    """One example: its number, its loss, and the actual and the predicted value in words."""

    number: int
    loss: float
    actual: str
    predicted: str


def worst(loss: Host, most: int) -> list[int]:
    """Return the numbers of the ``most`` largest losses, largest first; NaN counts as largest."""
    return [
        int(i) for i in np.argsort(np.where(np.isnan(loss), -np.inf, -loss), kind="stable")[:most]
    ]

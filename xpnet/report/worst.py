"""Find the examples with the largest loss.

The mean of the losses (`Network.losses`) is the "loss" of `evaluate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xpnet.backends import to_numpy
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network import Network

__all__ = ["Case", "losses", "worst"]

_AT_ONCE = 8192  # examples in a batch


class Case(NamedTuple):
    """One example: its number, its loss, and the actual and the predicted value in words."""

    number: int
    loss: float
    actual: str
    predicted: str


def losses(net: Network, X: ArrayLike, Y: ArrayLike) -> Host:
    """Return each example's loss, (N,) float64."""
    return to_numpy(net.losses(X, Y, _AT_ONCE)).astype(np.float64)


def worst(loss: Host, most: int) -> list[int]:
    """Return the numbers of the ``most`` largest losses, largest first; NaN counts as largest."""
    return [
        int(i) for i in np.argsort(np.where(np.isnan(loss), -np.inf, -loss), kind="stable")[:most]
    ]

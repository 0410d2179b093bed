"""Find the examples with the largest loss.

`losses.per_example` computes loss_n from Z_L and Y, without weights. The mean of the loss_n is the
"loss" of `evaluate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xpnet.backends import to_numpy
from xpnet.checks.inputs import examples
from xpnet.engines.pieces import pieces
from xpnet.equations import passes
from xpnet.losses import per_example
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
    Y = net.encode(Y)
    layers, loss = net.decided_by(Y)
    data = examples(net.backend, layers, loss, net.dtype, X, Y)
    fixed = net.backend, layers, net.parameters
    found = []
    with net.backend.context():
        for x, y in pieces(net.backend, _AT_ONCE, data.X, data.Y):
            Z = passes.forward(*fixed, x, net.statistics).Z
            activation = layers[-1].activation
            found.append(per_example(net.backend.xp, loss, activation, Z, y)[0])
        return np.concatenate([to_numpy(each) for each in found]).astype(np.float64)


def worst(loss: Host, most: int) -> list[int]:
    """Return the numbers of the ``most`` largest losses, largest first; NaN counts as largest."""
    return [
        int(i) for i in np.argsort(np.where(np.isnan(loss), -np.inf, -loss), kind="stable")[:most]
    ]

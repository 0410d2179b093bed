"""The learning-rate range test: losses while the learning rate rises from step to step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.errors import DivergenceError, quoted
from xpnet.network.network import Network
from xpnet.ranges import is_finite, positive_integer
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.training.history import History

__all__ = ["RateRange", "learning_rate_range"]


class RateRange(NamedTuple):
    """The result of a learning-rate range test.

    Attributes
    ----------
    rates, losses : (K,) arrays
        The learning rate of each step, and the mean loss of its batch before the step. They end
        early if the loss is more than four times the lowest, or no longer finite.
    suggestion : float
        The rate at which the smoothed loss falls most steeply: a good start.
    """

    rates: Host
    losses: Host
    suggestion: float

    def __repr__(self) -> str:
        tried = f"{len(self.rates)} rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        return f"RateRange(suggestion={self.suggestion:.3g}, {tried})"


def learning_rate_range(
    net: Network,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    batch_size: int = 128,
    optimizer: Any = "adam",
    **settings: Any,
) -> RateRange:
    """Train a copy of the network while the learning rate rises geometrically from low to high.

    Smith, "Cyclical learning rates for training neural networks" (2017). The network itself does
    not change.

    Parameters
    ----------
    net, X, Y, batch_size, optimizer, settings
        As for `Network.fit`.
    low, high : float
        The first and the last rate, 0 < low < high.
    steps : int
        The largest number of steps, 3 or more.

    Raises
    ------
    ValueError
        Bounds out of range, or the loss diverges within the first three steps.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net must be an xpnet.Network, got {quoted(net)}")
    if not (is_finite(low) and is_finite(high) and 0 < low < high):
        raise ValueError(
            f"the rates must satisfy 0 < low < high, got {quoted(low)} and {quoted(high)}"
        )
    if positive_integer("steps", steps) < 3:
        raise ValueError(f"steps must be 3 or more, to see the loss fall and rise, got {steps}")
    losses: list[float] = []

    def observe(net: Network, history: History) -> bool:
        losses.append(history.step_loss[-1])
        rising = losses[-1] > 4 * min(losses) > 0
        return rising or not math.isfinite(losses[-1]) or len(losses) >= steps

    def rate(t: int) -> float:
        return float(low * (high / low) ** ((t - 1) / max(steps - 1, 1)))

    try:
        history = net.to().fit(
            X,
            Y,
            epochs=steps,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=rate,
            callbacks={"step_end": observe},
            progress=False,
            **settings,
        )
        if history.stopped == "interrupted":
            raise KeyboardInterrupt  # some of the rates would give a wrong suggestion
    except DivergenceError:
        losses = [loss for loss in losses if math.isfinite(loss)]
    if len(losses) < 3:
        raise ValueError(f"the loss diverges at once: low = {low} is too high already")
    rates = np.asarray([rate(t) for t in range(1, len(losses) + 1)])
    return RateRange(rates, np.asarray(losses), _steepest(rates, np.asarray(losses)))


def _steepest(rates: Host, losses: Host) -> float:
    """The rate at which the loss falls most steeply, by the log of the rate.

    The loss is smoothed by a mean over a tenth of the steps.
    """
    width = max(len(losses) // 10, 1)
    smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
    at = int(np.argmin(np.diff(smooth))) + width // 2 if len(smooth) > 1 else 0
    return float(rates[at])

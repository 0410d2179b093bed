"""One cycle in one fit: the rate rises to a maximum, then falls to nearly zero."""

from __future__ import annotations

import math
from typing import NamedTuple

from xpnet.errors import quoted
from xpnet.ranges import Kind, is_finite, is_number, positive_integer
from xpnet.schedules.settings import check_rate, open_length

__all__ = ["OneCycle"]


class _Settings(NamedTuple):
    learning_rate: float
    steps: int | None
    warmup: float
    start: float
    end: float


class OneCycle(Kind, _Settings):
    """Half a cosine up from η/a to η, then half a cosine down to η/(a b).

        k = t − 1,   p = w s − 1 the peak,   c(u) = ½ (1 + cos(π u))
        η_t = η + (η/a − η) c(k/p)                             k ≤ p
        η_t = η/(a b) + (η − η/(a b)) c((k − p)/(s − 1 − p))   p < k ≤ s − 1;   then η/(a b)

    Smith and Topin, "Super-convergence" (2019), in the two phases of fast.ai and of PyTorch's
    OneCycleLR. Momentum does not change (cycle_momentum=False).

    Parameters
    ----------
    learning_rate : float
        η ≥ 0, the largest rate.
    steps : int, optional
        s ≥ 1, the length of the whole cycle; None: the length of the fit.
    warmup : float
        w in [0, 1]: the share of the steps with a rising rate.
    start, end : float
        a and b, ≥ 1.
    """

    __slots__ = ()

    def __new__(
        cls,
        learning_rate: float,
        *,
        steps: int | None = None,
        warmup: float = 0.3,
        start: float = 25.0,
        end: float = 1e4,
    ) -> OneCycle:
        """Check the settings."""
        check_rate(learning_rate)
        if steps is not None:
            positive_integer("steps", steps)
        if not is_number(warmup) or not 0 <= warmup <= 1:
            raise ValueError(
                f"warmup must lie in [0, 1], a share of the steps, got {quoted(warmup)}"
            )
        for name, value in (("start", start), ("end", end)):
            if not is_finite(value) or value < 1:
                raise ValueError(f"{name} must be a finite number ≥ 1, got {quoted(value)}")
        return super().__new__(cls, learning_rate, steps, warmup, start, end)

    def bind(self, total_steps: int, steps_per_epoch: int) -> OneCycle:
        """The same schedule; if ``steps`` is None, it is set to the length of the fit."""
        return self._replace(steps=total_steps) if self.steps is None else self

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        if self.steps is None:
            raise open_length(self)
        largest, first = self.learning_rate, self.learning_rate / self.start
        k, peak, last = t - 1, self.warmup * self.steps - 1, self.steps - 1
        if k <= peak:
            return _between(first, largest, k / peak if peak else 1.0)
        share = (k - peak) / (last - peak) if last > peak else 1.0
        return _between(largest, first / self.end, min(share, 1.0))


def _between(a: float, b: float, share: float) -> float:
    return b + (a - b) * 0.5 * (1.0 + math.cos(math.pi * share))

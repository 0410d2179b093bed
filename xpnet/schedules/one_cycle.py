"""One cycle in one fit: the rate rises to a maximum, then falls to nearly zero."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

from xpnet.errors import quoted
from xpnet.ranges import PlainSettings, is_finite, is_number, positive_integer
from xpnet.schedules.settings import check_rate, open_length

__all__ = ["OneCycle"]


@dataclass(frozen=True, slots=True)
class OneCycle(PlainSettings):
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

    learning_rate: float
    _: KW_ONLY
    steps: int | None = None
    warmup: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def _check(self) -> None:
        check_rate(self.learning_rate)
        if self.steps is not None:
            positive_integer("steps", self.steps)
        if not is_number(self.warmup) or not 0 <= self.warmup <= 1:
            raise ValueError(
                f"warmup must lie in [0, 1], a share of the steps, got {quoted(self.warmup)}"
            )
        for name, value in (("start", self.start), ("end", self.end)):
            if not is_finite(value) or value < 1:
                raise ValueError(f"{name} must be a finite number ≥ 1, got {quoted(value)}")

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

"""Cosine annealing, with warm-up and restarts."""

from __future__ import annotations

import math
from typing import NamedTuple

from xpnet.errors import quoted
from xpnet.ranges import Kind, check_count, check_flag, check_not_negative, check_positive_integer
from xpnet.schedules.settings import check_rate, open_length

__all__ = ["Cosine"]


class _Settings(NamedTuple):
    learning_rate: float
    minimum: float
    steps: int | None
    warmup: int
    restarts: bool
    growth: int


class Cosine(Kind, _Settings):
    """A line up to η, then half a cosine down to the minimum; with restarts, again and again.

        η_t = η t/(w + 1)                                    t = 1 … w
        η_t = η_min + ½ (η − η_min)(1 + cos(π k/s))          k = t − 1 − w, up to s; then η_min

    Restarts begin anew at k = s with s times ``growth``. Loshchilov and Hutter, "SGDR: stochastic
    gradient descent with warm restarts" (2017). As CosineAnnealingLR (whose rate goes up again
    after s) and CosineAnnealingWarmRestarts in PyTorch, after LinearLR from η/(w + 1).

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    minimum : float
        η_min in [0, η].
    steps : int, optional
        s ≥ 1, of the first cosine; None: what a fit has left after the warm-up.
    warmup : int
        w ≥ 0, in steps.
    restarts : bool
        Whether to begin anew; needs ``steps``.
    growth : int
        ≥ 1: how much longer each cosine is than the one before.
    """

    __slots__ = ()

    def __new__(
        cls,
        learning_rate: float,
        minimum: float = 0.0,
        *,
        steps: int | None = None,
        warmup: int = 0,
        restarts: bool = False,
        growth: int = 1,
    ) -> Cosine:
        """Check the settings."""
        check_rate(learning_rate)
        check_not_negative("minimum", minimum)
        if float(minimum) > float(learning_rate):
            raise ValueError(
                f"minimum must be ≤ learning_rate {quoted(learning_rate)}, got {quoted(minimum)}"
            )
        restarts = bool(check_flag("restarts", restarts))
        if steps is not None:
            check_positive_integer("steps", steps)
        elif restarts:
            raise ValueError("restarts need steps, the length of the first cosine")
        check_count("warmup", warmup)
        check_positive_integer("growth", growth)
        return super().__new__(cls, learning_rate, minimum, steps, warmup, restarts, growth)

    def bind(self, total_steps: int, steps_per_epoch: int) -> Cosine:
        """The same, with the length of the fit where ``steps`` was open."""
        if self.steps is not None:
            return self
        return self._replace(steps=max(1, total_steps - self.warmup))

    def __call__(self, t: int) -> float:
        """η_t."""
        if self.steps is None:
            raise open_length(self)
        if t <= self.warmup:
            return self.learning_rate * t / (self.warmup + 1)
        k, s = self._within(t - 1 - self.warmup, self.steps)
        swing = self.learning_rate - self.minimum
        return self.minimum + 0.5 * swing * (1.0 + math.cos(math.pi * k / s))

    def _within(self, k: int, s: int) -> tuple[int, int]:
        """The step within its cosine, and that cosine's length."""
        if not self.restarts:
            return min(k, s), s
        if self.growth == 1:
            return k % s, s
        while k >= s:
            k, s = k - s, s * self.growth
        return k, s

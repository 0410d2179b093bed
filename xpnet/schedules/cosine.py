"""Cosine annealing, with warm-up and restarts."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

from xpnet.errors import quoted
from xpnet.ranges import (
    PlainSettings,
    check_count,
    check_flag,
    check_not_negative,
    positive_integer,
)
from xpnet.schedules.settings import check_rate, open_length

__all__ = ["Cosine"]


@dataclass(frozen=True, slots=True)
class Cosine(PlainSettings):
    """A line up to η, then half a cosine down to the minimum; with restarts, the cosine repeats.

        η_t = η t/(w + 1)                                    t = 1 … w
        η_t = η_min + ½ (η − η_min)(1 + cos(π k/s))          k = t − 1 − w, up to s; then η_min

    With restarts, at k = s a new cosine begins at k = 0 and s is multiplied by ``growth``.
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017). In
    PyTorch, it is LinearLR from η/(w + 1), then CosineAnnealingLR (whose rate rises again after s)
    or CosineAnnealingWarmRestarts.

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    minimum : float
        η_min in [0, η].
    steps : int, optional
        s ≥ 1, the length of the first cosine; None: all steps of the fit after the warm-up.
    warmup : int
        w ≥ 0, in steps.
    restarts : bool
        Whether the cosine repeats; needs ``steps``.
    growth : int
        ≥ 1: each cosine is this many times as long as the one before.
    """

    learning_rate: float
    minimum: float = 0.0
    _: KW_ONLY
    steps: int | None = None
    warmup: int = 0
    restarts: bool = False
    growth: int = 1

    def _check(self) -> None:
        check_rate(self.learning_rate)
        check_not_negative("minimum", self.minimum)
        if float(self.minimum) > float(self.learning_rate):
            highest = f"learning_rate {quoted(self.learning_rate)}"
            raise ValueError(f"minimum must be ≤ {highest}, got {quoted(self.minimum)}")
        check_flag("restarts", self.restarts)
        if self.steps is not None:
            positive_integer("steps", self.steps)
        elif self.restarts:
            raise ValueError("restarts need steps, the length of the first cosine")
        check_count("warmup", self.warmup)
        positive_integer("growth", self.growth)

    def bind(self, total_steps: int, steps_per_epoch: int) -> Cosine:
        """The same schedule; if ``steps`` is None, it is set from the length of the fit."""
        if self.steps is not None:
            return self
        return self._replace(steps=max(1, total_steps - self.warmup))

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        if self.steps is None:
            raise open_length(self)
        if t <= self.warmup:
            return self.learning_rate * t / (self.warmup + 1)
        k, s = self._within(t - 1 - self.warmup, self.steps)
        swing = self.learning_rate - self.minimum
        return self.minimum + 0.5 * swing * (1.0 + math.cos(math.pi * k / s))

    def _within(self, k: int, s: int) -> tuple[int, int]:
        """The place of step k within its cosine, and that cosine's length."""
        if not self.restarts:
            return min(k, s), s
        if self.growth == 1:
            return k % s, s
        while k >= s:
            k, s = k - s, s * self.growth
        return k, s

"""Reduction where training stands still: the one schedule with a memory."""

from __future__ import annotations

import math
from typing import NamedTuple

from xpnet.ranges import Kind, check_count, check_not_negative
from xpnet.schedules.settings import check_factor, check_rate

__all__ = ["Memory", "Plateau", "ReduceOnPlateau"]


class _Settings(NamedTuple):
    learning_rate: float
    factor: float
    patience: int
    threshold: float
    cooldown: int
    minimum: float


class ReduceOnPlateau(Kind, _Settings):
    """η ← max(γ η, η_min) where ``patience`` + 1 epochs in a row bring nothing better.

    A value is better if it is below the best one so far by the fraction ``threshold`` of it; the
    count starts anew with a better value, with a reduction, and during the ``cooldown`` epochs
    after one. PyTorch's ReduceLROnPlateau (mode "min", threshold_mode "rel"; its test of η's
    change against 1e-8 is left out, and a negative best is improved on by falling further).

    These are settings: `bind` gives what has the memory, fresh for each fit.

    Parameters
    ----------
    learning_rate : float
        η at first, finite and ≥ 0.
    factor : float
        γ in (0, 1].
    patience, cooldown : int
        ≥ 0, in epochs.
    threshold : float
        ≥ 0.
    minimum : float
        η_min ≥ 0.
    """

    __slots__ = ()

    def __new__(
        cls,
        learning_rate: float,
        factor: float = 0.1,
        patience: int = 10,
        *,
        threshold: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
    ) -> ReduceOnPlateau:
        """Check the settings."""
        check_rate(learning_rate)
        check_factor("factor", factor)
        for name, value in (("patience", patience), ("cooldown", cooldown)):
            check_count(name, value)
        check_not_negative("threshold", threshold)
        check_not_negative("minimum", minimum)
        return super().__new__(cls, learning_rate, factor, patience, threshold, cooldown, minimum)

    def bind(self, total_steps: int, steps_per_epoch: int) -> Plateau:
        """The schedule of one fit."""
        return Plateau(self)

    def __call__(self, t: int) -> float:
        """η, which nothing has reduced yet."""
        return self.learning_rate


class Memory(NamedTuple):
    """All that a `Plateau` remembers; numbers, so that a checkpoint can hold it."""

    rate: float
    best: float = math.inf
    bad_epochs: int = 0
    cooling: int = 0


class Plateau:
    """`ReduceOnPlateau` during a fit.

    Attributes
    ----------
    settings : ReduceOnPlateau
    memory : Memory
        May be set, to go on from where another one was.
    """

    def __init__(self, settings: ReduceOnPlateau) -> None:
        self.settings, self.memory = settings, Memory(settings.learning_rate)

    def __repr__(self) -> str:
        return f"Plateau({self.settings!r}, {self.memory!r})"

    def __call__(self, t: int) -> float:
        """η as it is now, at any step."""
        return self.memory.rate

    def observe(self, value: float) -> None:
        """Count an epoch whose loss, or other value to be lowered, was this. NaN is not better."""
        s, (rate, best, bad, cooling) = self.settings, self.memory
        better = value < (best - s.threshold * abs(best) if best < math.inf else best)
        best, bad = (value, 0) if better else (best, bad + 1)
        if cooling:
            cooling, bad = cooling - 1, 0
        if bad > s.patience:
            rate, bad, cooling = max(s.factor * rate, min(s.minimum, rate)), 0, s.cooldown
        self.memory = Memory(rate, best, bad, cooling)

"""Reduction when training stops improving: the only schedule with a memory."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

from xpnet.ranges import PlainSettings, check_count, check_not_negative
from xpnet.schedules.settings import check_factor, check_rate

__all__ = ["Memory", "Plateau", "ReduceOnPlateau"]


@dataclass(frozen=True, slots=True)
class ReduceOnPlateau(PlainSettings):
    """η ← max(γ η, η_min) after ``patience`` + 1 epochs in a row without a better value.

    A value is better if it is below the best so far by more than ``threshold`` times ``|best|``.
    The count restarts at a better value, at a reduction, and during the ``cooldown`` epochs after a
    reduction. An η already below η_min stays as it is.

    It is PyTorch's ReduceLROnPlateau (mode "min", threshold_mode "rel") with two differences.
    η may change by less than 1e-8, and a value is better than a negative best only if it is lower.

    The object holds settings only. `bind` returns a `Plateau` with a new memory for each fit.

    Parameters
    ----------
    learning_rate : float
        The first η, finite and ≥ 0.
    factor : float
        γ in (0, 1].
    patience, cooldown : int
        ≥ 0, in epochs.
    threshold : float
        ≥ 0.
    minimum : float
        η_min ≥ 0.
    """

    learning_rate: float
    factor: float = 0.1
    patience: int = 10
    _: KW_ONLY
    threshold: float = 1e-4
    cooldown: int = 0
    minimum: float = 0.0

    def _check(self) -> None:
        check_rate(self.learning_rate)
        check_factor("factor", self.factor)
        for name, value in (("patience", self.patience), ("cooldown", self.cooldown)):
            check_count(name, value)
        check_not_negative("threshold", self.threshold)
        check_not_negative("minimum", self.minimum)

    def bind(self, total_steps: int, steps_per_epoch: int) -> Plateau:
        """The schedule of one fit, with a memory of its own."""
        return Plateau(self)

    def __call__(self, t: int) -> float:
        """The first η: only a `Plateau` reduces it."""
        return self.learning_rate


class Memory(NamedTuple):
    """Everything that a `Plateau` remembers: only numbers, so that a checkpoint can store it."""

    rate: float
    best: float = math.inf
    bad_epochs: int = 0
    cooling: int = 0


class Plateau:
    """A `ReduceOnPlateau` during one fit.

    Attributes
    ----------
    settings : ReduceOnPlateau
    memory : Memory
        May be set, to continue from a different `Plateau`'s memory.
    """

    def __init__(self, settings: ReduceOnPlateau) -> None:
        self.settings, self.memory = settings, Memory(settings.learning_rate)

    def __reduce__(self) -> Any:
        return self.settings.bind, (0, 0), tuple(self.memory)

    def __setstate__(self, memory: tuple[Any, ...]) -> None:
        self.memory = Memory(*memory)

    def __repr__(self) -> str:
        return f"Plateau({self.settings!r}, {self.memory!r})"

    def __call__(self, t: int) -> float:
        """The current η, whatever the step."""
        return self.memory.rate

    def observe(self, value: float) -> None:
        """Count an epoch with this loss, or other value to minimise; NaN is never better."""
        s, (rate, best, bad, cooling) = self.settings, self.memory
        better = value < (best - s.threshold * abs(best) if best < math.inf else best)
        best, bad = (value, 0) if better else (best, bad + 1)
        if cooling:
            cooling, bad = cooling - 1, 0
        if bad > s.patience:
            rate, bad, cooling = max(s.factor * rate, min(s.minimum, rate)), 0, s.cooldown
        self.memory = Memory(rate, best, bad, cooling)

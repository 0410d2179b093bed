"""Schedules that never rise: constant, step, exponential, inverse scaling."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Self

from xpnet.ranges import PlainSettings, check_not_negative
from xpnet.schedules.settings import (
    check_factor,
    check_length,
    check_rate,
    length,
    open_length,
)

__all__ = ["Constant", "Exponential", "InverseScaling", "Step"]


@dataclass(frozen=True, slots=True)
class Constant(PlainSettings):
    """η_t = η.

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    """

    learning_rate: float

    def _check(self) -> None:
        check_rate(self.learning_rate)

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        return self.learning_rate


@dataclass(frozen=True, slots=True)
class _Decay(PlainSettings):
    learning_rate: float
    factor: float = 0.1
    _: KW_ONLY
    steps: int | None = None
    epochs: int | None = None

    def _check(self) -> None:
        check_rate(self.learning_rate)
        check_factor("factor", self.factor)
        check_length(self.steps, self.epochs)

    def bind(self, total_steps: int, steps_per_epoch: int) -> Self:
        """The same schedule, with its length in steps."""
        return self._replace(steps=length(self.steps, self.epochs, steps_per_epoch), epochs=None)


@dataclass(frozen=True, slots=True)
class Step(_Decay):
    """η_t = η γ^⌊(t − 1)/s⌋: multiplied by γ after every s steps.

    It is torch.optim.lr_scheduler.StepLR, called once per step (``steps``) or per epoch
    (``epochs``).

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    factor : float
        γ in (0, 1].
    steps, epochs : int
        s ≥ 1, given as exactly one of the two.
    """

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        if self.steps is None:
            raise open_length(self)
        return float(self.learning_rate * self.factor ** ((t - 1) // self.steps))


@dataclass(frozen=True, slots=True)
class Exponential(_Decay):
    """η_t = η γ^((t − 1)/s): multiplied by γ gradually over every s steps.

    With s = 1 it is torch.optim.lr_scheduler.ExponentialLR, called once per step.

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    factor : float
        γ in (0, 1].
    steps, epochs : int
        s ≥ 1, given as exactly one of the two.
    """

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        if self.steps is None:
            raise open_length(self)
        return float(self.learning_rate * self.factor ** ((t - 1) / self.steps))


@dataclass(frozen=True, slots=True)
class InverseScaling(PlainSettings):
    """η_t = η / (1 + c (t − 1))^p.

    Robbins and Monro, "A stochastic approximation method" (1951), for ½ < p ≤ 1. scikit-learn's
    "invscaling" counts examples instead of steps, and changes the rate once per epoch. If c is the
    batch size, this schedule equals it at the start of every epoch.

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    power : float
        p ≥ 0.
    scale : float
        c ≥ 0.
    """

    learning_rate: float
    power: float = 0.5
    scale: float = 1.0

    def _check(self) -> None:
        check_rate(self.learning_rate)
        check_not_negative("power", self.power)
        check_not_negative("scale", self.scale)

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        try:
            return float(self.learning_rate / (1.0 + self.scale * (t - 1)) ** self.power)
        except OverflowError:
            return 0.0  # the limit for large t

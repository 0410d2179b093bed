"""Schedules that never rise: constant, step, exponential, inverse scaling."""

from __future__ import annotations

from typing import NamedTuple

from xpnet.ranges import Kind, check_not_negative
from xpnet.schedules.settings import (
    check_factor,
    check_length,
    check_rate,
    length,
    open_length,
)

__all__ = ["Constant", "Exponential", "InverseScaling", "Step"]


class _Constant(NamedTuple):
    learning_rate: float


class Constant(Kind, _Constant):
    """η_t = η.

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    """

    __slots__ = ()

    def __new__(cls, learning_rate: float) -> Constant:
        """Check the settings."""
        check_rate(learning_rate)
        return super().__new__(cls, learning_rate)

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        return self.learning_rate


class _Decay(NamedTuple):
    learning_rate: float
    factor: float
    steps: int | None
    epochs: int | None


class Step(Kind, _Decay):
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

    __slots__ = ()

    def __new__(
        cls,
        learning_rate: float,
        factor: float = 0.1,
        *,
        steps: int | None = None,
        epochs: int | None = None,
    ) -> Step:
        """Check the settings."""
        check_rate(learning_rate)
        check_factor("factor", factor)
        check_length(steps, epochs)
        return super().__new__(cls, learning_rate, factor, steps, epochs)

    def bind(self, total_steps: int, steps_per_epoch: int) -> Step:
        """The same schedule, with its length in steps."""
        return self._replace(steps=length(self.steps, self.epochs, steps_per_epoch), epochs=None)

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        if self.steps is None:
            raise open_length(self)
        return float(self.learning_rate * self.factor ** ((t - 1) // self.steps))


class Exponential(Kind, _Decay):
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

    __slots__ = ()

    def __new__(
        cls,
        learning_rate: float,
        factor: float = 0.1,
        *,
        steps: int | None = None,
        epochs: int | None = None,
    ) -> Exponential:
        """Check the settings."""
        check_rate(learning_rate)
        check_factor("factor", factor)
        check_length(steps, epochs)
        return super().__new__(cls, learning_rate, factor, steps, epochs)

    def bind(self, total_steps: int, steps_per_epoch: int) -> Exponential:
        """The same schedule, with its length in steps."""
        return self._replace(steps=length(self.steps, self.epochs, steps_per_epoch), epochs=None)

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        if self.steps is None:
            raise open_length(self)
        return float(self.learning_rate * self.factor ** ((t - 1) / self.steps))


class _InverseScaling(NamedTuple):
    learning_rate: float
    power: float
    scale: float


class InverseScaling(Kind, _InverseScaling):
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

    __slots__ = ()

    def __new__(
        cls, learning_rate: float, power: float = 0.5, scale: float = 1.0
    ) -> InverseScaling:
        """Check the settings."""
        check_rate(learning_rate)
        check_not_negative("power", power)
        check_not_negative("scale", scale)
        return super().__new__(cls, learning_rate, power, scale)

    def __call__(self, t: int) -> float:
        """The learning rate η_t."""
        try:
            return float(self.learning_rate / (1.0 + self.scale * (t - 1)) ** self.power)
        except OverflowError:
            return 0.0  # the limit for large t

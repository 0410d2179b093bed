"""Schedules that only fall: constant, step, exponential, inverse scaling."""

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
        """η_t."""
        return self.learning_rate


class _Decay(NamedTuple):
    learning_rate: float
    factor: float
    steps: int | None
    epochs: int | None


class Step(Kind, _Decay):
    """η_t = η γ^⌊(t − 1)/s⌋: multiplied by γ after every s steps.

    torch.optim.lr_scheduler.StepLR, stepped once a step (``steps``) or once an epoch (``epochs``).

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    factor : float
        γ in (0, 1].
    steps, epochs : int
        s ≥ 1, given in one of the two.
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
        """The same, in steps."""
        return self._replace(steps=length(self.steps, self.epochs, steps_per_epoch), epochs=None)

    def __call__(self, t: int) -> float:
        """η_t."""
        if self.steps is None:
            raise open_length(self)
        return float(self.learning_rate * self.factor ** ((t - 1) // self.steps))


class Exponential(Kind, _Decay):
    """η_t = η γ^((t − 1)/s): multiplied by γ in the course of s steps.

    With s = 1 it is torch.optim.lr_scheduler.ExponentialLR, stepped once a step.

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    factor : float
        γ in (0, 1].
    steps, epochs : int
        s ≥ 1, given in one of the two.
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
        """The same, in steps."""
        return self._replace(steps=length(self.steps, self.epochs, steps_per_epoch), epochs=None)

    def __call__(self, t: int) -> float:
        """η_t."""
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
    "invscaling" counts examples instead of steps, and looks at the count once an epoch: with c the
    batch size, this schedule is the same at the start of every epoch.

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
        """η_t."""
        try:
            return float(self.learning_rate / (1.0 + self.scale * (t - 1)) ** self.power)
        except OverflowError:
            return 0.0  # its limit

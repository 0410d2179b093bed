"""Adadelta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.ranges import (
    PlainSettings,
    check_fraction,
    check_learning_rate,
    check_positive,
)
from xpnet.typing import Array, Namespace

__all__ = ["Adadelta"]


@dataclass(frozen=True, slots=True)
class Adadelta(PlainSettings):
    """Steps on the scale of the latest steps, independent of the gradient's units.

        v ← ρ v + (1 − ρ) g²
        d = √(a + ε) / √(v + ε) g
        a ← ρ a + (1 − ρ) d²
        θ ← θ − η d

    Zeiler, "Adadelta: an adaptive learning rate method" (2012), where η = 1. ε is under both roots,
    as in the paper, PyTorch, Keras and optax. It sets the size of the first steps.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    rho : float
        ρ in [0, 1).
    epsilon : float
        ε > 0; with ε = 0, θ would never move.
    """

    learning_rate: Any = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6
    takes_many = True

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_fraction("rho", self.rho)
        check_positive("epsilon", self.epsilon)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: v = a = 0."""
        return xp.zeros_like(theta), xp.zeros_like(theta)

    def coefficients(self, t: Any, rate: Any) -> tuple[Any, ...]:
        """The learning rate η."""
        return (rate,)

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g is overwritten."""
        (rate,), (v, a) = c, state
        v *= self.rho
        v += g * g * (1.0 - self.rho)
        ratio = v + self.epsilon
        ratio **= -1
        ratio *= a + self.epsilon
        g *= xp.sqrt(ratio)  # d
        a *= self.rho
        a += g * g * (1.0 - self.rho)
        theta -= g * rate
        return theta, (v, a)

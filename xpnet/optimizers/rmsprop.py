"""RMSProp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.optimizers.moments import reciprocal
from xpnet.ranges import (
    PlainSettings,
    check_fraction,
    check_learning_rate,
    check_not_negative,
)
from xpnet.typing import Array, Namespace

__all__ = ["RMSProp"]


@dataclass(frozen=True, slots=True)
class RMSProp(PlainSettings):
    """Gradients divided by the root of a running mean of their squares, optionally with momentum μ.

        v ← ρ v + (1 − ρ) g²
        θ ← θ − η g / (√v + ε)       or, with momentum,   u ← μ u + g / (√v + ε),  θ ← θ − η u

    Tieleman and Hinton, "Lecture 6.5: rmsprop" (2012); not centred. As in PyTorch, v starts at 0, ε
    is added to the root, and η is outside u. TensorFlow, Keras and optax add ε under the root, and
    Keras has ρ = 0.9.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    rho, momentum : float
        In [0, 1).
    epsilon : float
        ε ≥ 0; with ε = 0, an entry whose gradient has always been 0 becomes NaN.
    """

    learning_rate: Any = 0.01
    rho: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8
    takes_many = True

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_fraction("rho", self.rho)
        check_fraction("momentum", self.momentum)
        check_not_negative("epsilon", self.epsilon)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: v = 0, and u = 0 if there is momentum."""
        return tuple(xp.zeros_like(theta) for _ in range(2 if self.momentum else 1))

    def coefficients(self, t: Any, rate: Any) -> tuple[Any, ...]:
        """The learning rate η."""
        return (rate,)

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step."""
        (rate,), (v, *rest) = c, state
        v *= self.rho
        v += g * g * (1.0 - self.rho)
        step = reciprocal(xp, v, self.epsilon)
        step *= g
        if rest:
            (u,) = rest
            u *= self.momentum
            u += step
            rest, step = [u], u * rate
        else:
            step *= rate
        theta -= step
        return theta, (v, *rest)

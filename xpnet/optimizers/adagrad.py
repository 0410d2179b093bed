"""Adagrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.optimizers.moments import reciprocal
from xpnet.ranges import PlainSettings, check_learning_rate, check_not_negative
from xpnet.typing import Array, Namespace

__all__ = ["Adagrad"]


@dataclass(frozen=True, slots=True)
class Adagrad(PlainSettings):
    """Steps scaled by the root of the sum of all squared gradients.

        s ← s + g²
        θ ← θ − η g / (√s + ε)

    Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011). s starts at 0, and ε is added to
    the root, as in PyTorch; Keras and optax start s at 0.1 and add ε under the root.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    epsilon : float
        ε ≥ 0; with ε = 0, an entry whose gradient has always been 0 becomes NaN.
    """

    learning_rate: Any = 0.01
    epsilon: float = 1e-10
    takes_many = True

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_not_negative("epsilon", self.epsilon)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: s = 0."""
        return (xp.zeros_like(theta),)

    def coefficients(self, t: Any, rate: Any) -> tuple[Any, ...]:
        """The learning rate η."""
        return (rate,)

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step."""
        (rate,), (s,) = c, state
        s += g * g
        step = reciprocal(xp, s, self.epsilon)
        step *= g
        step *= rate
        theta -= step
        return theta, (s,)

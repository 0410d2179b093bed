"""Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.optimizers.moments import adam_coefficients, adam_step
from xpnet.ranges import (
    PlainSettings,
    check_flag,
    check_fraction,
    check_learning_rate,
    check_not_negative,
)
from xpnet.typing import Array, Namespace

__all__ = ["Adam"]


@dataclass(frozen=True, slots=True)
class Adam(PlainSettings):
    """Steps scaled by running means of the gradient and of its square.

        m ← β₁ m + (1 − β₁) g            v ← β₂ v + (1 − β₂) g²
        θ ← θ − η m̂ / (√v̂ + ε)           m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015). ε is added to the corrected
    root √v̂, as in the paper and in PyTorch. scikit-learn adds it to √v, as ``epsilon_last`` does:

        θ ← θ − η √(1 − β₂ᵗ)/(1 − β₁ᵗ) m/(√v + ε)

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        ε ≥ 0.
    epsilon_last : bool
        Whether ε is added to the uncorrected root √v.
    """

    learning_rate: Any = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_last: bool = False
    takes_many = True

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("epsilon", self.epsilon)
        check_flag("epsilon_last", self.epsilon_last)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: m = v = 0."""
        return xp.zeros_like(theta), xp.zeros_like(theta)

    def coefficients(self, t: Any, rate: Any) -> tuple[Any, ...]:
        """η and ε, with the bias corrections folded in."""
        rate, epsilon = adam_coefficients(t, rate, self.beta1, self.beta2, self.epsilon)
        return rate, self.epsilon if self.epsilon_last else epsilon

    def update(
        self, xp: Namespace, c: tuple[Any, Any], g: Array, state: tuple[Array, Array], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g is overwritten, and one more vector of its size is needed."""
        step, state = adam_step(xp, c, g, state, self.beta1, self.beta2)
        theta -= step
        return theta, state

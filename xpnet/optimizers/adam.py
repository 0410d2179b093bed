"""Adam."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from xpnet.optimizers.settings import check_fraction, check_not_negative

__all__ = ["Adam"]


class _Settings(NamedTuple):
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


class Adam(_Settings):
    """Steps scaled by running means of the gradient and of its square.

        m ← β₁ m + (1 − β₁) g            v ← β₂ v + (1 − β₂) g²
        θ ← θ − η m̂ / (√v̂ + ε)           m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015). ε is added to the corrected
    root √v̂, as in the paper and in PyTorch; scikit-learn adds it to √v.

    Parameters
    ----------
    learning_rate : float
        η, finite and ≥ 0.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        ε ≥ 0.
    """

    __slots__ = ()

    def __new__(
        cls,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> Adam:
        """Check the settings."""
        check_not_negative("learning_rate", learning_rate)
        check_fraction("beta1", beta1)
        check_fraction("beta2", beta2)
        check_not_negative("epsilon", epsilon)
        return super().__new__(cls, learning_rate, beta1, beta2, epsilon)

    def init(self, xp: Any, theta: Any) -> tuple[Any, ...]:
        """m = v = 0."""
        return xp.zeros_like(theta), xp.zeros_like(theta)

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """η r/(1 − β₁ᵗ) and ε r with r = √(1 − β₂ᵗ), for the update with m and v uncorrected.

        η m̂/(√v̂ + ε) = (η r/(1 − β₁ᵗ)) m/(√v + ε r), and 1 − βᵗ = −expm1(t ln β) loses no digits.
        """
        root = math.sqrt(_correction(self.beta2, t))
        return rate * root / _correction(self.beta1, t), self.epsilon * root

    def update(
        self, xp: Any, c: tuple[Any, ...], g: Any, state: tuple[Any, ...], theta: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """One step; g is overwritten, and one more vector of its size is in use."""
        (rate, epsilon), (m, v) = c, state
        m *= self.beta1
        m += g * (1.0 - self.beta1)
        g *= g
        g *= 1.0 - self.beta2
        v *= self.beta2
        v += g
        step = xp.sqrt(v)
        step += epsilon
        step **= -1  # in place: m / step would be one more vector
        step *= m
        step *= rate
        theta -= step
        return theta, (m, v)


def _correction(beta: float, t: int) -> float:
    return -math.expm1(t * math.log(beta)) if beta else 1.0

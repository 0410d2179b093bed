"""RAdam."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from xpnet.optimizers.moments import correction, first_moment, second_moment
from xpnet.ranges import (
    PlainSettings,
    check_fraction,
    check_learning_rate,
    check_not_negative,
)
from xpnet.typing import Array, Namespace

__all__ = ["RAdam"]


@dataclass(frozen=True, slots=True)
class RAdam(PlainSettings):
    """Adam without v in the first steps, then with v at a weight that grows step by step.

        m ← β₁ m + (1 − β₁) g      v ← β₂ v + (1 − β₂) g²      m̂ = m/(1 − β₁ᵗ)
        ρ_∞ = 2/(1 − β₂) − 1       ρ_t = ρ_∞ − 2 t β₂ᵗ/(1 − β₂ᵗ)
        r² = (ρ_t − 4)(ρ_t − 2) ρ_∞ / ((ρ_∞ − 4)(ρ_∞ − 2) ρ_t)
        θ ← θ − η r m̂ √(1 − β₂ᵗ)/(√v + ε)   if ρ_t > 5,   else   θ ← θ − η m̂

    Liu et al., "On the variance of the adaptive learning rate and beyond" (2020). As in PyTorch, ε
    is added to the uncorrected root √v (unlike in PyTorch's Adam), and the bound is ρ_t > 5. The
    paper has the bound 4 and no ε. With β₂ = 0.999, the first five steps do not use v.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        ε ≥ 0.
    """

    learning_rate: Any = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("epsilon", self.epsilon)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: m = v = 0."""
        return xp.zeros_like(theta), xp.zeros_like(theta)

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """c, w and e of the step c m/(w √v + e); w = 0 and e = 1 if v is not used."""
        rate = rate / correction(self.beta1, t)
        rectified = _rectification(self.beta2, t)
        if rectified is None:
            return rate, 0.0, 1.0
        return rate * rectified * math.sqrt(correction(self.beta2, t)), 1.0, self.epsilon

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g is overwritten."""
        (rate, weight, constant), (m, v) = c, state
        m = first_moment(m, g, self.beta1)
        v = second_moment(v, g, self.beta2)
        step = xp.sqrt(v)
        step *= weight
        step += constant
        step **= -1
        step *= m
        step *= rate
        theta -= step
        return theta, (m, v)


def _rectification(beta2: float, t: int) -> float | None:
    """The factor r, or None if ρ_t ≤ 5."""
    limit = (1.0 + beta2) / (1.0 - beta2)
    vanished = correction(beta2, t)
    length = limit - 2.0 * t * (1.0 - vanished) / vanished
    if length <= 5.0:
        return None
    share = (length - 4.0) * (length - 2.0) * limit
    return math.sqrt(share / ((limit - 4.0) * (limit - 2.0) * length))

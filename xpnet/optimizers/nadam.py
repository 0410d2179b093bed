"""Nadam."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from xpnet.optimizers.moments import correction, first_moment, reciprocal, second_moment
from xpnet.ranges import (
    PlainSettings,
    check_fraction,
    check_learning_rate,
    check_not_negative,
)
from xpnet.typing import Array, Namespace

__all__ = ["Nadam"]


@dataclass(frozen=True, slots=True)
class Nadam(PlainSettings):
    """Adam with Nesterov's momentum, whose strength μ_t grows with the steps.

        m ← β₁ m + (1 − β₁) g              v ← β₂ v + (1 − β₂) g²
        μ_t = β₁ (1 − ½ 0.96^(t ψ))        Π_t = μ_1 μ_2 ⋯ μ_t
        θ ← θ − η [(1 − μ_t)/(1 − Π_t) g + μ_{t+1}/(1 − Π_{t+1}) m] / (√v̂ + ε)

    with v̂ = v/(1 − β₂ᵗ). Dozat, "Incorporating Nesterov momentum into Adam" (2016), in PyTorch's
    form: ψ = momentum_decay is 0.004, and ε is added to the corrected root √v̂. Keras uses ψ = 1 and
    adds ε in the same place; optax's nadam uses a constant μ = β₁.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        ε ≥ 0.
    momentum_decay : float
        ψ ≥ 0.
    """

    learning_rate: Any = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 0.004

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("epsilon", self.epsilon)
        check_not_negative("momentum_decay", self.momentum_decay)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: m = v = 0."""
        return xp.zeros_like(theta), xp.zeros_like(theta)

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """The factors of g and of m, and ε, with the bias corrections folded in."""
        root = math.sqrt(correction(self.beta2, t))
        now, following = (_momentum(self.beta1, self.momentum_decay, s) for s in (t, t + 1))
        product = _product(self.beta1, self.momentum_decay, t)
        of_g = rate * root * (1.0 - now) / (1.0 - product)
        of_m = rate * root * following / (1.0 - product * following)
        return of_g, of_m, self.epsilon * root

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g is overwritten."""
        (of_g, of_m, epsilon), (m, v) = c, state
        m = first_moment(m, g, self.beta1)
        ahead = g * of_g
        ahead += m * of_m
        v = second_moment(v, g, self.beta2)
        ahead *= reciprocal(xp, v, epsilon)
        theta -= ahead
        return theta, (m, v)


def _momentum(beta1: float, decay: float, t: int) -> float:
    return beta1 * (1.0 - 0.5 * math.pow(0.96, t * decay))


@lru_cache(maxsize=16)
def _known_products(beta1: float, decay: float) -> list[float]:
    """The list Π_0, Π_1, …, which `_product` extends as needed."""
    return [1.0]


def _product(beta1: float, decay: float, t: int) -> float:
    """Π_t, or 0 once 1 − Π_t rounds to 1."""
    known = _known_products(beta1, decay)
    while len(known) <= t and known[-1] > 1e-17:
        known.append(known[-1] * _momentum(beta1, decay, len(known)))
    return known[t] if t < len(known) else 0.0

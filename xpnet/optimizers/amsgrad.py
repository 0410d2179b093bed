"""AMSGrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.optimizers.moments import adam_coefficients, first_moment, reciprocal, second_moment
from xpnet.ranges import (
    PlainSettings,
    check_fraction,
    check_learning_rate,
    check_not_negative,
)
from xpnet.typing import Array, Namespace

__all__ = ["AMSGrad"]


@dataclass(frozen=True, slots=True)
class AMSGrad(PlainSettings):
    """Adam with the largest second moment so far, so that the steps' scale 1/√s never grows.

        m ← β₁ m + (1 − β₁) g     v ← β₂ v + (1 − β₂) g²     s ← max(s, v)
        θ ← θ − η m̂ / (√ŝ + ε)    m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ)

    Reddi, Kale and Kumar, "On the convergence of Adam and beyond" (2018). As in PyTorch, the
    maximum is taken over the uncorrected v, both moments are corrected (the paper corrects
    neither), and ε is added to √ŝ. Keras adds ε to √s; optax takes the maximum of the corrected v̂.

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
    takes_many = True

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("epsilon", self.epsilon)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: m = v = s = 0."""
        return xp.zeros_like(theta), xp.zeros_like(theta), xp.zeros_like(theta)

    def coefficients(self, t: Any, rate: Any) -> tuple[Any, ...]:
        """Adam's coefficients."""
        return adam_coefficients(t, rate, self.beta1, self.beta2, self.epsilon)

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g is overwritten."""
        (rate, epsilon), (m, v, largest) = c, state
        m = first_moment(m, g, self.beta1)
        v = second_moment(v, g, self.beta2)
        largest = xp.maximum(largest, v)
        step = reciprocal(xp, largest, epsilon)
        step *= m
        step *= rate
        theta -= step
        return theta, (m, v, largest)

"""The running means used by Adam and its variants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpnet.typing import Array, Namespace

__all__ = [
    "adam_coefficients",
    "adam_step",
    "correction",
    "first_moment",
    "reciprocal",
    "second_moment",
]


def correction(beta: float, t: Any) -> Any:
    """1 − βᵗ, computed as −expm1(t ln β): in float32 the plain form is off by 2e-5."""
    expm1 = np.expm1 if isinstance(t, np.ndarray) else math.expm1  # a float for a single t
    return -expm1(t * math.log(beta)) if beta else 1.0


def adam_coefficients(
    t: Any, rate: Any, beta1: float, beta2: float, epsilon: float
) -> tuple[Array, Array]:
    """η r/(1 − β₁ᵗ) and ε r with r = √(1 − β₂ᵗ), for a step that uses the uncorrected m and v.

    The step is the same: η m̂/(√v̂ + ε) = (η r/(1 − β₁ᵗ)) m/(√v + ε r).
    """
    root = correction(beta2, t) ** 0.5
    return rate * root / correction(beta1, t), epsilon * root


def first_moment(m: Any, g: Array, beta1: float) -> Array:
    """Update m ← β₁ m + (1 − β₁) g."""
    m *= beta1
    m += g * (1.0 - beta1)
    return m


def second_moment(v: Array, g: Array, beta2: float) -> Array:
    """Update v ← β₂ v + (1 − β₂) g²; g is overwritten."""
    g *= g
    g *= 1.0 - beta2
    v *= beta2
    v += g
    return v


def reciprocal(xp: Namespace, v: Array, epsilon: Any) -> Array:
    """1/(√v + ε), in one new array."""
    r = xp.sqrt(v)
    r += epsilon
    r **= -1  # in place; a division would need one more vector
    return r


def adam_step(
    xp: Namespace,
    c: tuple[Any, Any],
    g: Array,
    state: tuple[Array, Array],
    beta1: float,
    beta2: float,
) -> tuple[Array, tuple[Array, Array]]:
    """The step η m̂/(√v̂ + ε), to subtract from θ, and the new (m, v); g is overwritten."""
    (rate, epsilon), (m, v) = c, state
    m = first_moment(m, g, beta1)
    v = second_moment(v, g, beta2)
    step = reciprocal(xp, v, epsilon)
    step *= m
    step *= rate
    return step, (m, v)

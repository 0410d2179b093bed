"""The running means of Adam and its kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = [
    "adam_coefficients",
    "adam_step",
    "correction",
    "first_moment",
    "reciprocal",
    "second_moment",
]


def correction(beta: float, t: Any) -> Any:
    """1 − βᵗ, as −expm1(t ln β): in float32 the plain form is off by 2e-5."""
    expm1 = np.expm1 if isinstance(t, np.ndarray) else math.expm1  # of a number, a plain float
    return -expm1(t * math.log(beta)) if beta else 1.0


def adam_coefficients(
    t: Any, rate: Any, beta1: float, beta2: float, epsilon: float
) -> tuple[Any, Any]:
    """η r/(1 − β₁ᵗ) and ε r with r = √(1 − β₂ᵗ), for a step with m and v uncorrected.

    η m̂/(√v̂ + ε) = (η r/(1 − β₁ᵗ)) m/(√v + ε r).
    """
    root = correction(beta2, t) ** 0.5
    return rate * root / correction(beta1, t), epsilon * root


def first_moment(m: Any, g: Any, beta1: float) -> Any:
    """M ← β₁ m + (1 − β₁) g."""
    m *= beta1
    m += g * (1.0 - beta1)
    return m


def second_moment(v: Any, g: Any, beta2: float) -> Any:
    """V ← β₂ v + (1 − β₂) g²; g is overwritten."""
    g *= g
    g *= 1.0 - beta2
    v *= beta2
    v += g
    return v


def reciprocal(xp: Any, v: Any, epsilon: Any) -> Any:
    """1/(√v + ε), in one new array."""
    r = xp.sqrt(v)
    r += epsilon
    r **= -1  # in place: a division would be one more vector
    return r


def adam_step(
    xp: Any, c: tuple[Any, Any], g: Any, state: tuple[Any, Any], beta1: float, beta2: float
) -> tuple[Any, tuple[Any, Any]]:
    """η m̂/(√v̂ + ε), to be taken from θ, and (m, v); g is overwritten."""
    (rate, epsilon), (m, v) = c, state
    m = first_moment(m, g, beta1)
    v = second_moment(v, g, beta2)
    step = reciprocal(xp, v, epsilon)
    step *= m
    step *= rate
    return step, (m, v)

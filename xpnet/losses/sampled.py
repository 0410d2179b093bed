"""Targets drawn from the distribution that a network's outputs describe.

    cross_entropy           a label, with the probabilities softmax(Z)
    binary_cross_entropy    0 or 1, with the probability σ(Z)
    poisson                 a count with the mean A
    gaussian_nll            a normal number with the mean μ and the variance v
    (mean_)squared_error    a normal number with the mean A and the variance ½ (n_L/2), whose
                            negative log-likelihood is the loss up to a constant

The mean of ∇ℓ ∇ℓᵀ over the targets is the Fisher matrix, if ℓ is a negative log-likelihood. Where
loss_n = ℓ/k, a mean over k targets, its curvature is that of √k ∇loss_n instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from xpnet.equations.activation import Activation
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.built_in import is_built_in
from xpnet.losses.loss import Loss
from xpnet.typing import Host

__all__ = ["root_factor", "sample"]

Random = np.random.Generator


def sample(loss: Loss, output: Activation, Z: Host, random: Random) -> Host:
    """Return targets for Z (N, n_L), of a network with that loss and that output activation.

    Raises
    ------
    ValueError
        The loss has no distribution here.
    """
    draw = _DRAWN.get(loss.name)
    if draw is None or not is_built_in(loss):
        raise ValueError(
            f"loss {loss.name!r} has no distribution to draw targets from, as "
            f'{", ".join(_DRAWN)} have: give Y, and kind="ggn" or "empirical"'
        )
    return draw(loss, output, Z.astype(np.float64), random)


def root_factor(loss: Loss, n_outputs: int) -> float:
    """√k for a negative log-likelihood that is a mean over k targets, otherwise 1."""
    is_mean = loss.over_outputs == "mean" and loss.name != "mean_squared_error"
    return math.sqrt(loss.n_targets(n_outputs)) if is_mean else 1.0


def _label(loss: Loss, output: Activation, Z: Host, random: Random) -> Host:
    below = np.cumsum(ACTIVATIONS["softmax"].f(np, Z), axis=-1) < random.random((len(Z), 1))
    return np.asarray(np.minimum(below.sum(axis=-1), Z.shape[-1] - 1))


def _bit(loss: Loss, output: Activation, Z: Host, random: Random) -> Host:
    return np.asarray(random.random(Z.shape) < ACTIVATIONS["sigmoid"].f(np, Z), dtype=np.float64)


def _count(loss: Loss, output: Activation, Z: Host, random: Random) -> Host:
    return np.asarray(random.poisson(output.f(np, Z)), dtype=np.float64)


def _gaussian(loss: Loss, output: Activation, Z: Host, random: Random) -> Host:
    mean, s = np.split(output.f(np, Z), 2, axis=-1)
    assert loss.config is not None
    variance = np.exp(s) + loss.config["minimum_variance"]
    return np.asarray(mean + np.sqrt(variance) * random.standard_normal(mean.shape))


def _around(loss: Loss, output: Activation, Z: Host, random: Random) -> Host:
    A = output.f(np, Z)
    variance = 0.5 * (A.shape[-1] if loss.over_outputs == "mean" else 1)
    return np.asarray(A + math.sqrt(variance) * random.standard_normal(A.shape))


_DRAWN: dict[str, Callable[[Loss, Activation, Host, Random], Host]] = {
    "cross_entropy": _label,
    "binary_cross_entropy": _bit,
    "poisson": _count,
    "gaussian_nll": _gaussian,
    "squared_error": _around,
    "mean_squared_error": _around,
}

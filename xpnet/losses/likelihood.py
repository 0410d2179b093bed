"""Negative log-likelihoods, for counts or for numbers with a variance; means over the targets.

    poisson         a − y ln a                           the constant ln y! is left out
                    or half the deviance, a − y ln a + y ln y − y
    gaussian_nll    ½ (ln v + (μ − y)²/v)                the constant ½ ln 2π is left out
                    A = [μ | s], v = e^s                 dμ = (μ − y)/v, ds = ½ (1 − (μ − y)²/v)

D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability
distribution" (1994).
"""

from __future__ import annotations

import math
from typing import Any

from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.built_in import built_in, one_of_each
from xpnet.equations.special import sigmoid
from xpnet.losses.cross_entropy import cross_entropy_second, row_cross_entropy
from xpnet.losses.loss import Loss, LossFunction, differentiated
from xpnet.ranges import check_flag, check_not_negative
from xpnet.typing import Array, Namespace

__all__ = ["GaussianNLL", "Poisson"]


# --- poisson, by ln a of Z, which is finite where a underflows; with n outputs
#         a = e^z             ln a = z                                     dZ = (a − y) / n
#         a = ln(1 + e^z)     ln a = z, to rounding, for z < −40           dZ = (1 − y/a) σ(z) / n
#         a = σ(z)            ln a = min(z, 0) − ln(1 + e^(−|z|))          dZ = (a − y) σ(−z) / n
#         a = softmax(z)      Σ a = 1: the cross entropy of rows, plus 1, over n


def Poisson(deviance: bool = False) -> Loss:
    """a − y ln a, for counts y ≥ 0 and their mean a > 0.

    Parameters
    ----------
    deviance : bool
        Add y ln y − y: the loss is then half the deviance, which is 0 at a = y.
    """
    return _poisson_loss(bool(check_flag("deviance", deviance)))


def _poisson(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
    mean = xp.where(Y == 0, 1.0, A)  # 0 · ln 0 and 0/0 are 0 here, even where A underflows
    return xp.mean(A - Y * xp.log(mean), axis=-1), (1.0 - Y / mean) * (1.0 / A.shape[-1])


def _times(xp: Namespace, Y: Array, log_a: Array) -> Array:
    """Return y ln a, where 0 · ∞ is 0."""
    return Y * xp.where(Y == 0, 0.0, log_a)


def _poisson_exp(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
    A = xp.exp(Z)
    return xp.mean(A - _times(xp, Y, Z), axis=-1), (A - Y) * (1.0 / Z.shape[-1])


def _poisson_softplus(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
    A = ACTIVATIONS["softplus"].f(xp, Z)
    is_tiny = Z < -40.0  # a = e^z to rounding, and σ(z)/a = 1
    divisor = xp.where(is_tiny, 1.0, A)
    slope = sigmoid(xp, Z)
    dZ = slope - Y * xp.where(is_tiny, 1.0, slope / divisor)
    log_a = xp.where(is_tiny, Z, xp.log(divisor))
    return xp.mean(A - _times(xp, Y, log_a), axis=-1), dZ * (1.0 / Z.shape[-1])


def _poisson_sigmoid(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
    A = sigmoid(xp, Z)
    log_a = xp.minimum(Z, 0.0) - xp.log1p(xp.exp(-xp.abs(Z)))
    dZ = (A - Y) * sigmoid(xp, -Z)
    return xp.mean(A - _times(xp, Y, log_a), axis=-1), dZ * (1.0 / Z.shape[-1])


def _poisson_softmax(xp: Namespace, Z: Array, Y: Array) -> tuple[Array, Array]:
    losses, dZ = row_cross_entropy(xp, Z, Y)
    share = 1.0 / Z.shape[-1]
    return (losses + 1.0) * share, dZ * share


_OF_PREACTIVATION = {
    "exp": _poisson_exp,
    "softplus": _poisson_softplus,
    "sigmoid": _poisson_sigmoid,
    "softmax": _poisson_softmax,
}


def _poisson_second(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
    mean = xp.where(Y == 0, 1.0, A)
    return tA * (Y / mean / mean * (1.0 / A.shape[-1]))


def _exp_second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    return tZ * (xp.exp(Z) * (1.0 / Z.shape[-1]))


def _softplus_second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    slope, r = sigmoid(xp, Z), _softplus_ratio(xp, Z)
    rest = sigmoid(xp, -Z)  # σ' = σ(z) σ(−z)
    return tZ * ((slope * rest + Y * r * (r - rest)) * (1.0 / Z.shape[-1]))


def _softplus_fisher(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    return tZ * (sigmoid(xp, Z) * _softplus_ratio(xp, Z) * (1.0 / Z.shape[-1]))


def _softplus_ratio(xp: Namespace, Z: Array) -> Array:
    """σ(z) / ln(1 + e^z), which tends to 1."""
    is_tiny = Z < -40.0
    return xp.where(
        is_tiny, 1.0, sigmoid(xp, Z) / xp.where(is_tiny, 1.0, ACTIVATIONS["softplus"].f(xp, Z))
    )


def _sigmoid_second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    A, rest = sigmoid(xp, Z), sigmoid(xp, -Z)
    return tZ * (A * rest * (rest - A + Y) * (1.0 / Z.shape[-1]))


def _sigmoid_fisher(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    rest = sigmoid(xp, -Z)
    return tZ * (sigmoid(xp, Z) * rest * rest * (1.0 / Z.shape[-1]))


def _softmax_second(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    return _softmax_fisher(xp, Z, Y, tZ) * xp.sum(Y, axis=-1, keepdims=True)


def _softmax_fisher(xp: Namespace, Z: Array, Y: Array, tZ: Array) -> Array:
    return cross_entropy_second(xp, Z, Y, tZ) * (1.0 / Z.shape[-1])


_SECOND: dict[str, tuple[Any, Any]] = {
    "exp": (_exp_second, None),
    "softplus": (_softplus_second, _softplus_fisher),
    "sigmoid": (_sigmoid_second, _sigmoid_fisher),
    "softmax": (_softmax_second, _softmax_fisher),
}
"""The second derivative by Z, and its mean over y, (da/dz)²/a."""


def _plus_constant(function: LossFunction) -> LossFunction:
    """The loss plus the mean of y ln y − y, which is 0 at y = 0."""

    def deviance(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
        losses, dA = function(xp, A, Y)
        return losses + xp.mean(Y * xp.log(xp.where(Y == 0, 1.0, Y)) - Y, axis=-1), dA

    return deviance


def _same(function: LossFunction) -> LossFunction:
    return function


@one_of_each
def _poisson_loss(deviance: bool) -> Loss:
    add = _plus_constant if deviance else _same
    of_z = {name: add(function) for name, function in _OF_PREACTIVATION.items()}
    for name, function in of_z.items():
        differentiated(function, *_SECOND[name])
    return built_in(
        Loss(
            "poisson",
            differentiated(add(_poisson), _poisson_second),
            of_z,
            output="exp",
            outputs=tuple(_OF_PREACTIVATION),
            targets="counts",
            over_outputs="mean",
            config={"name": "poisson", "deviance": True} if deviance else {"name": "poisson"},
        )
    )


# --- gaussian_nll


def GaussianNLL(minimum_variance: float = 0.0, full: bool = False) -> Loss:
    """½ (ln v + (μ − y)²/v): the mean and the variance v of each target, learned together.

    For k targets n_L is 2k: k means μ, then k logarithms s = ln v. Every real number s gives a
    variance, so the output is the identity, and no clamp cuts off its gradient. However small v is,
    ds is of order 1. The loss equals torch's ``GaussianNLLLoss`` of (μ, y, e^s) if e^s exceeds
    torch's clamp of 1e-6.

    Parameters
    ----------
    minimum_variance : float
        v₀ ≥ 0. Above 0, v is e^s + v₀, and the gradient ds is scaled by e^s/v. Use it for targets
        that can be fitted exactly: their likelihood has no maximum.
    full : bool
        Add the constant ½ ln 2π.
    """
    check_not_negative("minimum_variance", minimum_variance)
    return _gaussian_nll(float(minimum_variance), bool(check_flag("full", full)))


@one_of_each
def _gaussian_nll(minimum_variance: float, full: bool) -> Loss:
    constant = 0.5 * math.log(2.0 * math.pi) if full else 0.0

    def gaussian_nll(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
        k = Y.shape[-1]
        R, s = A[..., :k] - Y, A[..., k:]
        log_v, slope = _log_variance(xp, s, minimum_variance)
        precision = xp.exp(-log_v)
        Q = R * R * precision
        dA = xp.concat([R * precision, (1.0 - Q) * slope * 0.5], axis=-1)
        return xp.mean(log_v + Q, axis=-1) * 0.5 + constant, dA * (1.0 / k)

    def second(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
        k = Y.shape[-1]
        R, s, tR, ts = A[..., :k] - Y, A[..., k:], tA[..., :k], tA[..., k:]
        log_v, slope = _log_variance(xp, s, minimum_variance)
        precision, t_log_v, t_slope = xp.exp(-log_v), slope * ts, slope * (1.0 - slope) * ts
        Q = R * R * precision
        tQ = R * precision * tR * 2.0 - Q * t_log_v
        t_mean = (tR - R * t_log_v) * precision
        tdA = xp.concat([t_mean, ((1.0 - Q) * t_slope - tQ * slope) * 0.5], axis=-1)
        return tdA * (1.0 / k)

    def fisher(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
        """The mean over y of the second derivative: E R = 0 and E Q = 1."""
        k = Y.shape[-1]
        log_v, slope = _log_variance(xp, A[..., k:], minimum_variance)
        of_mean, of_s = xp.exp(-log_v) * tA[..., :k], tA[..., k:] * (slope * slope * 0.5)
        return xp.concat([of_mean, of_s], axis=-1) * (1.0 / k)

    settings = {"minimum_variance": minimum_variance, "full": full}
    return built_in(
        Loss(
            "gaussian_nll",
            differentiated(gaussian_nll, second, fisher),
            outputs_per_target=2,
            over_outputs="mean",
            config={"name": "gaussian_nll", **settings},
        )
    )


def _log_variance(xp: Namespace, s: Array, minimum: float) -> tuple[Array, Array]:
    """ln v and its derivative with respect to s, for v = e^s + minimum."""
    if minimum == 0.0:
        return s, 1.0
    log_v = xp.logaddexp(s, xp.full_like(s, math.log(minimum)))
    return log_v, xp.exp(s - log_v)

"""Losses of numbers: squared and absolute errors, huber, log-cosh, quantiles.

With r = a − y, each is a mean over the n_L outputs, except for squared_error, a sum:

    squared_error          Σ r²                                        dA = 2 r
    mean_squared_error     r²                                          dA = 2 r / n_L
    absolute_error         |r|                                         dA = sign(r) / n_L
    huber                  r²/2 for |r| ≤ δ, else δ (|r| − δ/2)        dA = (r cut to ±δ) / n_L
    log_cosh               ln cosh r                                   dA = tanh(r) / n_L
    quantile               τ (y − a) for y ≥ a, else (1 − τ)(a − y)    dA = −τ or 1 − τ, / n_L

The second derivatives are 2, 2/n_L, 0, [|r| ≤ δ]/n_L, (1 − tanh² r)/n_L and 0.

P. J. Huber, "Robust estimation of a location parameter" (1964); R. Koenker and G. Bassett,
"Regression quantiles" (1978); R. A. Saleh and A. K. M. E. Saleh, "Statistical properties of the
log-cosh loss function used in machine learning" (2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from xpnet.equations.built_in import built_in, one_of_each
from xpnet.errors import quoted
from xpnet.losses.loss import Loss, differentiated
from xpnet.ranges import check_positive, is_number, items
from xpnet.typing import Array, Namespace

__all__ = [
    "ABSOLUTE_ERROR",
    "LOG_COSH",
    "MEAN_SQUARED_ERROR",
    "SQUARED_ERROR",
    "Huber",
    "Quantile",
]


def _plain(name: str, function: Any, second: Any, over_outputs: str = "mean") -> Loss:
    """Make a loss of rows without settings."""
    function = differentiated(function, second)
    return built_in(Loss(name, function, over_outputs=over_outputs, config={"name": name}))


def _no_second(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
    """0: the loss is linear on both sides of its kink."""
    return xp.zeros_like(tA)


# --- squared errors: Σ (a − y)², or its mean over the n_L outputs


def _squared_error(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
    R = A - Y
    return xp.sum(R * R, axis=-1), R * 2.0


def _mean_squared_error(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
    R = A - Y
    return xp.mean(R * R, axis=-1), R * (2.0 / A.shape[-1])


def _squared_error_second(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
    return tA * 2.0


def _mean_squared_error_second(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
    return tA * (2.0 / A.shape[-1])


SQUARED_ERROR = _plain("squared_error", _squared_error, _squared_error_second, "sum")
MEAN_SQUARED_ERROR = _plain("mean_squared_error", _mean_squared_error, _mean_squared_error_second)


# --- absolute_error: mean of |a − y|; its gradient at a = y is taken as 0


def _absolute_error(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
    R = A - Y
    return xp.mean(xp.abs(R), axis=-1), xp.sign(R) * (1.0 / A.shape[-1])


ABSOLUTE_ERROR = _plain("absolute_error", _absolute_error, _no_second)


# --- huber: c (r − c/2) for every r, with c = r cut to [−δ, δ]


def Huber(delta: float = 1.0) -> Loss:
    """``r²/2 where |r| ≤ δ, else δ (|r| − δ/2)``: squared near the target, absolute far from it.

    The same as torch's ``HuberLoss(delta=δ)``; torch's ``SmoothL1Loss(beta=δ)`` is this over δ.

    >>> from xpnet.losses import Huber
    >>> Huber(delta=2)
    Loss('huber', delta=2.0)
    """
    check_positive("delta", delta)
    return _huber(float(delta))


@one_of_each
def _huber(delta: float) -> Loss:
    def huber(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
        R = A - Y
        C = xp.minimum(xp.maximum(R, -delta), delta)
        return xp.mean(C * (R - C * 0.5), axis=-1), C * (1.0 / A.shape[-1])

    def second(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
        inside = xp.astype(xp.abs(A - Y) <= delta, tA.dtype)
        return tA * inside * (1.0 / A.shape[-1])

    config = {"name": "huber", "delta": delta}
    function = differentiated(huber, second)
    return built_in(Loss("huber", function, over_outputs="mean", config=config))


# --- log_cosh: ln(1 + 2 sinh²(r/2)) keeps the digits of small r, and
#     |r| + ln(1 + e^(−2|r|)) − ln 2 is finite for large ones


def _log_cosh(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
    R = A - Y
    size = xp.abs(R)
    s = xp.sinh(xp.minimum(size, 1.0) * 0.5)
    far = size + (xp.log1p(xp.exp(size * -2.0)) - math.log(2.0))
    each = xp.where(size < 1.0, xp.log1p(s * s * 2.0), far)
    return xp.mean(each, axis=-1), xp.tanh(R) * (1.0 / A.shape[-1])


def _log_cosh_second(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
    e = xp.exp(xp.abs(A - Y) * -2.0)  # 1 − tanh² r = 4e/(1 + e)², which keeps its digits
    return tA * (e / ((e + 1.0) * (e + 1.0)) * (4.0 / A.shape[-1]))


LOG_COSH = _plain("log_cosh", _log_cosh, _log_cosh_second)


# --- quantile: max(τ u, (τ − 1) u) with u = y − a; its gradient at u = 0 is taken as 0


def Quantile(quantiles: float | Iterable[float] = 0.5) -> Loss:
    """The pinball loss, whose minimum is the τ-quantile of y: one τ in (0, 1), or several.

    For q quantiles and k targets n_L is q k, in blocks: all targets' first quantile, then all
    targets' second, and so on. The mean is over all n_L outputs, so ``Quantile(0.5)`` is half the
    absolute error. Predicted quantiles may cross: nothing prevents that.

    >>> from xpnet.losses import Quantile
    >>> Quantile((0.1, 0.5, 0.9)).n_outputs(n_targets=2)
    6
    """
    what = "quantiles must be numbers between 0 and 1"
    values = tuple(items(what, quantiles)) if isinstance(quantiles, Iterable) else (quantiles,)
    if not values or not all(is_number(q) and 0 < q < 1 for q in values):
        raise ValueError(f"{what}, got {quoted(quantiles)}")
    if len(set(values)) < len(values):
        raise ValueError(f"quantiles must differ, got {quoted(quantiles)}")
    return _quantile(tuple(float(q) for q in values))


@one_of_each
def _quantile(quantiles: tuple[float, ...]) -> Loss:
    def quantile(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
        k, share = Y.shape[-1], 1.0 / A.shape[-1]
        parts = [
            _pinball(xp, Y - A[..., i * k : (i + 1) * k], q, share) for i, q in enumerate(quantiles)
        ]
        return sum(each for each, _ in parts), xp.concat([dA for _, dA in parts], axis=-1)

    return built_in(
        Loss(
            "quantile",
            differentiated(quantile, _no_second),
            outputs_per_target=len(quantiles),
            point=min(range(len(quantiles)), key=lambda i: abs(quantiles[i] - 0.5)),
            over_outputs="mean",
            config={"name": "quantile", "quantiles": list(quantiles)},
        )
    )


def _pinball(xp: Namespace, U: Array, q: float, share: float) -> tuple[Array, Array]:
    """One quantile's part of the loss, and its dA (..., N, k)."""
    each = xp.maximum(U * q, U * (q - 1.0))
    above, below = xp.astype(U > 0, U.dtype), xp.astype(U < 0, U.dtype)
    return xp.sum(each, axis=-1) * share, below * ((1.0 - q) * share) - above * (q * share)

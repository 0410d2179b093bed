"""R², mean absolute error (MAE) and root mean squared error (RMSE), averaged over the targets.

For each target k, with r = a − y and weighted sums over the examples,

    MAE_k = Σ w |r| / Σ w        RMSE_k = √(Σ w r² / Σ w)        R²_k = 1 − Σ w r² / Σ w (y − ȳ)²

and the metric is the mean over k, as in scikit-learn. NaN in Y is a missing target, which is left
out of its column's sums. If a loss has several outputs for each target, only the block that
predicts y itself counts (`Loss.point`): the mean of a Gaussian, or the quantile nearest to 0.5.

R² of a constant target is 1 if every prediction is exact, else 0. The batches' means and squared
deviations are merged as in T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the
sample variance" (1983). Σ w y² − (Σ w y)²/Σ w would lose digits if the mean is large.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.equations.sums import total
from xpnet.losses import Loss
from xpnet.metrics.metric import Metric, added, batch_weights, made_again, ratio
from xpnet.typing import Array, Host, Namespace

__all__ = ["MAE", "R2", "RMSE"]

_ROWS = ("rows", "probabilities", "counts")


def _residuals(
    xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None
) -> tuple[Array, Array, Array]:
    """Y, r and weights, all (..., N, n_targets), each 0 where a target is missing."""
    k, there = Y.shape[-1], ~xp.isnan(Y)
    at = 0 if loss is None else loss.point * k
    Y = xp.where(there, Y, 0.0)
    R = xp.where(there, A[..., at : at + k] - Y, 0.0)
    return Y, R, xp.astype(there, R.dtype) * batch_weights(xp, A, w)[..., None]


def _mean_of(
    name: str, term: Callable[[Any, Any], Any], finish: Callable[[Host], Host] = np.asarray
) -> Metric:
    """A metric: the mean over targets of finish(Σ w term(r) / Σ w)."""

    def statistics(xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> Array:
        _, R, w = _residuals(xp, A, Y, w, loss)
        return xp.concat([total(xp, w * term(xp, R), -2), total(xp, w, -2)], axis=-1)

    def value(parts: Host) -> Host:
        sums, weights = np.split(added(parts), 2, axis=-1)
        return np.asarray(finish(ratio(sums, weights)).mean(axis=-1))

    return Metric(name, statistics, value, _ROWS, larger_is_better=False)


@made_again
def MAE() -> Metric:
    """Mean absolute error; NaN if a target's weights sum to 0."""
    return _mean_of("mae", lambda xp, R: xp.abs(R))


@made_again
def RMSE() -> Metric:
    """Root mean squared error of each target, then the mean over targets."""
    return _mean_of("rmse", lambda xp, R: R * R, np.sqrt)


@made_again
def R2() -> Metric:
    """Coefficient of determination: 1 for exact predictions, 0 if no better than the mean."""
    return Metric("r2", _r2_statistics, _r2, _ROWS)


def _r2_statistics(xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> Array:
    """Σ w, ȳ, Σ w (y − ȳ)² and Σ w r² of each target.

    ȳ is computed relative to the first target present, so that it is exact for a constant target.
    """
    Y, R, w = _residuals(xp, A, Y, w, loss)
    weight = total(xp, w, -2, keepdims=True)
    at = xp.argmax(xp.astype(w > 0, Y.dtype), axis=-2, keepdims=True)
    first = xp.take_along_axis(Y, at, axis=-2)
    shift = total(xp, w * (Y - first), -2, keepdims=True)
    shift = shift / xp.where(weight > 0, weight, 1.0)
    D = (Y - first) - shift
    columns = [weight, first + shift, total(xp, w * D * D, -2, keepdims=True)]
    columns.append(total(xp, w * R * R, -2, keepdims=True))
    return xp.concat([c[..., 0, :] for c in columns], axis=-1)


def _r2(parts: Host) -> Host:
    W, mean, M, errors = np.split(parts, 4, axis=-1)  # (B, ..., n_targets)
    weight, mean_0, M_0, error = W[0], mean[0], M[0], errors[0]
    for b in range(1, len(parts)):
        both = weight + W[b]
        step = (mean[b] - mean_0) * ratio(W[b], both, 0.0)
        M_0 = M_0 + M[b] + weight * (mean[b] - mean_0) * step
        mean_0, weight, error = mean_0 + step, both, error + errors[b]
    constant = np.where(error == 0, 1.0, 0.0)
    score = np.where(M_0 == 0, constant, 1.0 - ratio(error, M_0, 0.0))
    return np.asarray(np.where(weight > 0, score, np.nan).mean(axis=-1))

"""How sure a model is: the temperature of its probabilities, and the width of its intervals.

Both are fitted on rows that the network was not trained on. A row of weight 2 counts as the same
row twice, in these and in the scores.
"""

from __future__ import annotations

import math

import numpy as np

from xpnet.metrics.log_loss import log_losses
from xpnet.typing import Host

__all__ = ["class_scores", "half_width", "order_statistics", "quantity_scores", "temperature"]

_MOST = 1000  # residuals that a file keeps
_ROUNDING = 1e-12  # of sums of weights


def class_scores(p: Host, Y: Host, weights: Host | None = None) -> dict[str, float]:
    """Accuracy and log loss of probabilities (N, K) of the classes Y (N,), weighted by row (N,)."""
    accuracy = np.average(p.argmax(axis=1) == Y, weights=weights)
    log_loss = np.average(log_losses(p, Y), weights=weights)
    return {"accuracy": float(accuracy), "log_loss": float(log_loss)}


def quantity_scores(predicted: Host, y: Host, weights: Host | None = None) -> dict[str, float]:
    """R² and RMSE of predicted quantities (N,), weighted by row; R² is NaN if all y are equal.

    They are computed in units of the largest |y|, so that no square overflows.
    """
    unit = float(np.abs(y).max()) or 1.0
    squares = float(np.average((predicted / unit - y / unit) ** 2, weights=weights))
    mean = np.average(y / unit, weights=weights)
    equal = y.min() == y.max()
    variance = 0.0 if equal else float(np.average((y / unit - mean) ** 2, weights=weights))
    R2 = 1 - squares / variance if variance else math.nan
    return {"r2": R2, "rmse": unit * math.sqrt(squares)}


def temperature(outputs: Host, labels: Host, weights: Host | None = None) -> float:
    """T that minimises the mean of −ln softmax(ln p / T) of the labels, within 1/4 and 4.

    The mean is weighted by row.

    Guo et al., "On calibration of modern neural networks" (2017). The minimum over ln T is found
    by golden section: the loss is unimodal in 1/T.
    """
    z = np.log(np.maximum(outputs.astype(np.float64), 1e-30))
    rows = np.arange(len(labels))

    def loss(log_T: float) -> float:
        scaled = z / np.exp(log_T)
        scaled -= scaled.max(axis=1, keepdims=True)
        each = np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, labels]
        return float(np.average(each, weights=weights))

    low, high = -np.log(4.0), np.log(4.0)
    ratio = (np.sqrt(5.0) - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))


def order_statistics(residuals: Host, weights: Host | None = None) -> tuple[float, ...]:
    """The sorted absolute residuals; of more than 1,000, and with weights, such as stand for all.

    These are m residuals that stand for equally many rows each, so that `half_width` needs no
    weights. The j-th is the smallest one up to which the weights add up to j / (m + 1) of W + w,
    where W is the sum of all weights. The new row's weight w is unknown, and is taken to be the
    smallest of all. m is W / w, rounded down, but 1,000 at most. Without weights, each is 1.
    """
    sizes = np.abs(residuals)
    order = np.argsort(sizes, kind="stable")
    weights = np.ones(len(sizes)) if weights is None else weights
    added = np.cumsum(weights[order] / weights.min())
    m = int(min(_MOST, added[-1] * (1 + _ROUNDING)))
    levels = np.arange(1, m + 1) * ((added[-1] + 1) / (m + 1))
    places = np.searchsorted(added, levels * (1 - _ROUNDING)).clip(max=len(sizes) - 1)
    return tuple(sizes[order][places].tolist())


def half_width(residuals: tuple[float, ...], coverage: float) -> float:
    """The half width of an interval that covers a new row with that probability, or more.

    It is the k-th smallest of n absolute residuals, k = ⌈(n + 1) coverage⌉: split conformal
    prediction (Lei et al., "Distribution-free predictive inference for regression", 2018). Infinite
    if there are too few residuals.
    """
    n = len(residuals)
    k = math.ceil((n + 1) * coverage)
    return residuals[k - 1] if k <= n else math.inf

"""How sure a model is: the temperature of its probabilities, and the width of its intervals.

Both are fitted on rows that the network was not trained on.
"""

from __future__ import annotations

import math

import numpy as np

from xpnet.metrics.log_loss import log_losses
from xpnet.typing import Host

__all__ = ["class_scores", "half_width", "order_statistics", "quantity_scores", "temperature"]

_MOST = 1000  # residuals that a file keeps


def class_scores(p: Host, Y: Host) -> dict[str, float]:
    """Accuracy and log loss of probabilities (N, K) of the classes Y (N,)."""
    accuracy, log_loss = np.mean(p.argmax(axis=1) == Y), log_losses(p, Y).mean()
    return {"accuracy": float(accuracy), "log_loss": float(log_loss)}


def quantity_scores(predicted: Host, y: Host) -> dict[str, float]:
    """R² and RMSE of predicted quantities (N,); R² is NaN if all y are equal.

    They are computed in units of the largest |y|, so that no square overflows.
    """
    unit = float(np.abs(y).max()) or 1.0
    squares = float(np.mean((predicted / unit - y / unit) ** 2))
    variance = float(np.var(y / unit)) if y.min() < y.max() else 0.0
    R2 = 1 - squares / variance if variance else math.nan
    return {"r2": R2, "rmse": unit * math.sqrt(squares)}


def temperature(outputs: Host, labels: Host) -> float:
    """T that minimises the mean of −ln softmax(ln p / T) of the labels, within 1/4 and 4.

    Guo et al., "On calibration of modern neural networks" (2017). The minimum over ln T is found
    by golden section: the loss is unimodal in 1/T.
    """
    z = np.log(np.maximum(outputs.astype(np.float64), 1e-30))
    rows = np.arange(len(labels))

    def loss(log_T: float) -> float:
        scaled = z / np.exp(log_T)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, labels]))

    low, high = -np.log(4.0), np.log(4.0)
    ratio = (np.sqrt(5.0) - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))


def order_statistics(residuals: Host) -> tuple[float, ...]:
    """The sorted absolute residuals; of many, 1,000 evenly spaced ones."""
    found = np.sort(np.abs(residuals))
    if len(found) > _MOST:
        found = found[np.linspace(0, len(found) - 1, _MOST).round().astype(np.int64)]
    return tuple(found.tolist())


def half_width(residuals: tuple[float, ...], coverage: float) -> float:
    """The half width of an interval that covers a new row with that probability, or more.

    It is the k-th smallest of n absolute residuals, k = ⌈(n + 1) coverage⌉: split conformal
    prediction (Lei et al., "Distribution-free predictive inference for regression", 2018). Infinite
    if there are too few residuals.
    """
    n = len(residuals)
    k = math.ceil((n + 1) * coverage)
    return residuals[k - 1] if k <= n else math.inf

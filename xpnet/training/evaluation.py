"""Mean loss and accuracy over a data set, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet import passes
from xpnet.backends import Backend
from xpnet.examples import Examples
from xpnet.losses import Loss, per_example
from xpnet.parameters import Layers
from xpnet.training.batches import slices

__all__ = ["evaluate"]

_NUMBERS_AT_ONCE = 2**22  # of the widest layer: 16 MB in float32


def evaluate(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    theta: Any,
    data: Examples,
    batch_size: int | None = None,
    stats: tuple[Any, ...] = (),
) -> dict[str, float]:
    """{"loss": Σ w loss / Σ w}, and "accuracy" for classes.

    Each example's values are read to the host, and added up there in float64.
    """
    X, Y, w, classes = data
    width = max(max(layer.fan_in, layer.fan_out) for layer in layers)
    size = batch_size or max(1, _NUMBERS_AT_ONCE // width)
    losses, correct = [], []
    with backend.context():
        for part in slices(X.shape[0], size):
            y = Y[part, ...]
            Z = passes.forward(backend, layers, theta, X[part, :], stats).Z
            each, _ = per_example(backend.xp, loss, layers[-1].activation, Z, y)
            losses.append(backend.to_numpy(each))
            if classes:
                correct.append(backend.to_numpy(_is_correct(backend.xp, Z, y)))
    results = {"loss": _mean(losses, w)}
    if classes:
        results["accuracy"] = _mean(correct, w)
    return results


def _is_correct(xp: Any, Z: Any, Y: Any) -> Any:
    """Whether the largest output is the label's; for one output, whether its sign is."""
    if Y.ndim < Z.ndim:
        return xp.argmax(Z, axis=-1) == Y
    if Z.shape[-1] == 1:
        return (Z[..., 0] > 0) == (Y[..., 0] > 0.5)
    return xp.argmax(Z, axis=-1) == xp.argmax(Y, axis=-1)


def _mean(parts: list[np.ndarray[Any, Any]], w: np.ndarray[Any, Any] | None) -> float:
    return float(np.average(np.concatenate(parts).astype(np.float64), weights=w))

"""Score a network on the rows held out, and compare it with a baseline without a network."""

from __future__ import annotations

import numpy as np

from xpnet.backends import to_numpy
from xpnet.metrics import METRICS
from xpnet.network import Network
from xpnet.tables import Schema
from xpnet.tables.targets import Quantity
from xpnet.typing import Host

__all__ = ["held_out_scores"]


def held_out_scores(
    net: Network, schema: Schema, X: Host, Y: Host, train: Host, test: Host
) -> list[str]:
    """Return lines to print: accuracy, or R² and RMSE in the target's unit, and the baseline's."""
    if len(test) == 0:
        return ["no rows were held out to test on"]
    outputs = to_numpy(net.predict(X[test], batch_size=8192)).astype(np.float64)
    if isinstance(schema.target, Quantity):
        return _regression(outputs, Y[test], schema.target.scale)
    most = int(np.bincount(Y[train]).argmax())
    accuracy = METRICS["accuracy"](np, outputs, Y[test])
    baseline = float(np.mean(Y[test] == most))
    return [
        f"held-out accuracy {accuracy:.4f}",
        f"baseline accuracy {baseline:.4f} (always {schema.target.classes[most]!r})",
    ]


def _regression(outputs: Host, Y: Host, scale: float) -> list[str]:
    """Return lines on R² and RMSE.

    Y is standardised by the training rows, so that their mean, the baseline, is 0.
    """
    total = float(np.sum((Y - Y.mean()) ** 2))
    lines = []
    for name, error, note in (
        ("held-out", outputs - Y, ""),
        ("baseline", Y, " (the mean of the training rows)"),
    ):
        squares = float(np.sum(error**2))
        R2 = 1 - squares / total if total else float("nan")
        rmse = float(np.sqrt(squares / len(Y))) * scale
        lines.append(f"{name} R² {R2:.4f}, RMSE {rmse:.4g}{note}")
    return lines

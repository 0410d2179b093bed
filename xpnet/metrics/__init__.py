"""Metrics, computed on the device, by name or as objects with settings.

Accuracy, top-k, F1, MAE, RMSE and R² are computed from statistics of fixed size, one set for each
batch. AUC needs all outputs at once.
"""

from __future__ import annotations

from collections.abc import Callable

from xpnet.errors import look_up, quoted
from xpnet.losses import Loss
from xpnet.metrics.classification import AUC, F1, Accuracy, TopKAccuracy
from xpnet.metrics.metric import Metric, predictions
from xpnet.metrics.regression import MAE, R2, RMSE

__all__ = [
    "AUC",
    "F1",
    "MAE",
    "METRICS",
    "R2",
    "RMSE",
    "Accuracy",
    "Metric",
    "TopKAccuracy",
    "find_metric",
    "predictions",
]

_MAKERS: tuple[Callable[[], Metric], ...] = (Accuracy, TopKAccuracy, F1, AUC, R2, MAE, RMSE)

METRICS: dict[str, Metric] = {metric.name: metric for metric in (make() for make in _MAKERS)}
"""Every metric with its default settings, by its name."""


def find_metric(metric: str | Metric, loss: Loss | None = None, n_outputs: int = 0) -> Metric:
    """The metric of that name, or the one given, checked against the loss and number of outputs.

    Raises
    ------
    ValueError
        The name is unknown, the metric is for other targets than the loss takes, or it is "auc" and
        there are more than two classes.
    TypeError
        ``loss`` is neither a Loss nor None.
    """
    found = metric if isinstance(metric, Metric) else look_up("metric", metric, METRICS)
    if loss is not None and not isinstance(loss, Loss):
        raise TypeError(f"loss must be an xpnet.Loss or None, got {quoted(loss)}")
    if loss is not None and loss.targets not in found.targets:
        suited = [name for name, row in METRICS.items() if loss.targets in row.targets]
        raise ValueError(
            f"metric {found.name!r} does not suit the {loss.targets} of loss {loss.name!r}: use "
            f"{', '.join(suited) or 'none'}"
        )
    if found.name == "auc" and n_outputs > (2 if loss is None or loss.targets == "labels" else 1):
        raise ValueError(f"metric 'auc' is for two classes, but there are {n_outputs} outputs")
    return found

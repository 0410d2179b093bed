"""Judge a network by the examples of a report: metrics, figures and the worst examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from xpnet.backends import to_numpy
from xpnet.plots import CalibrationDisplay, ConfusionDisplay, PredictionErrorDisplay
from xpnet.plots.outputs import classified, is_for_classes, loss_of, quantities
from xpnet.report.figures import svg
from xpnet.report.report import Report
from xpnet.report.shown import shortened
from xpnet.report.worst import Case, worst

__all__ = ["Judged", "judge"]

_WORST = 12  # number of worst examples shown
_AT_ONCE = 8192  # examples in a batch


class Judged(NamedTuple):
    """The parts of the page that judge the network.

    Attributes
    ----------
    metrics : printed values by name
    figures : <svg>s
    table : head, then one row for each class; empty for a quantity
    cases : the worst examples
    """

    metrics: dict[str, str]
    figures: list[str]
    table: list[tuple[str, ...]]
    cases: list[Case]


class _Answer(Protocol):
    def __call__(self, index: int) -> tuple[str, str]: ...


def judge(report: Report) -> Judged:
    """Judge a report's network as one for classes or for a quantity, depending on its loss."""
    of_classes = is_for_classes(loss_of(report.net, report.Y))
    return _classes(report) if of_classes else _quantity(report)


def _classes(report: Report) -> Judged:
    net, X, Y = report.net, report.X, report.Y
    found = classified(net, X, Y, report.class_names)
    confusion = ConfusionDisplay.from_network(net, X, Y, class_names=found.names)
    calibration = CalibrationDisplay.from_network(net, X, Y, class_names=found.names)
    values = net.evaluate(X, Y, metrics=("accuracy", "f1"))
    most = confusion.counts.sum(axis=1)
    frequent = found.names[int(most.argmax())]
    metrics = {
        "accuracy": f"{values['accuracy']:.4f}",
        f"accuracy of always predicting {frequent!r}": f"{most.max() / most.sum():.4f}",
        "F1, mean of the classes": f"{values['f1']:.4f}",
        "loss": f"{values['loss']:.4f}",
        "calibration error": f"{calibration.error:.4f}",
    }
    about = f"Confusion matrix of {len(found.names)} classes, accuracy {values['accuracy']:.4f}"
    figures = [
        svg(confusion, "confusion", about),
        svg(calibration, "calibration", f"Calibration, error {calibration.error:.4f}"),
    ]

    def answer(index: int) -> tuple[str, str]:
        k, p = int(found.predicted[index]), found.probabilities[index]
        actual = shortened(found.names[int(found.labels[index])])
        return actual, f"{shortened(found.names[k])} ({p[k]:.2f})"

    return Judged(metrics, figures, list(_by_class(confusion)), _cases(report, answer))


def _by_class(confusion: ConfusionDisplay) -> Iterator[tuple[str, ...]]:
    yield "class", "examples", "recall", "precision", "most often mistaken for"
    for k, name in enumerate(confusion.class_names):
        wrong = np.where(np.arange(len(confusion.counts)) == k, 0, confusion.counts[k])
        j = int(wrong.argmax())
        mistaken = f"{shortened(confusion.class_names[j])} ({wrong[j]})" if wrong[j] else ""
        shares = (_share(confusion.recall[k]), _share(confusion.precision[k]))
        yield shortened(name), f"{confusion.counts[k].sum()}", *shares, mistaken


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _quantity(report: Report) -> Judged:
    name, mean, scale = report.quantity
    y, a = (mean + scale * x for x in quantities(report.net, report.X, report.Y))
    values = report.net.evaluate(report.X, report.Y, metrics=("r2", "rmse", "mae"))
    metrics = {
        "R²": f"{values['r2']:.4f}",
        "RMSE": f"{values['rmse'] * scale:.6g}",
        "RMSE of always predicting the mean": f"{float(np.std(y)):.6g}",
        "mean absolute error": f"{values['mae'] * scale:.6g}",
        "loss": f"{values['loss']:.4f}",
    }
    display = PredictionErrorDisplay.from_predictions(y, a, target_names=[name])
    about = f"Predicted over actual {name}, R² {values['r2']:.4f}"

    def answer(index: int) -> tuple[str, str]:
        return f"{y[index, 0]:.6g}", f"{a[index, 0]:.6g}"

    figures = [svg(display, "predicted", about)]
    return Judged(metrics, figures, [], _cases(report, answer))


def _cases(report: Report, answer: _Answer) -> list[Case]:
    loss = to_numpy(report.net.losses(report.X, report.Y, _AT_ONCE))
    return [Case(i, float(loss[i]), *answer(i)) for i in worst(loss, _WORST)]

"""Judge a network by the examples of a report: metrics, figures and the worst examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from xpnet.backends import to_numpy
from xpnet.metrics import METRICS
from xpnet.metrics.log_loss import log_losses
from xpnet.plots import CalibrationDisplay, ConfusionDisplay, PredictionErrorDisplay
from xpnet.plots.outputs import Classified, classified, is_for_classes, loss_of, quantities
from xpnet.report.figures import svg
from xpnet.report.report import Quantities, Report
from xpnet.report.shown import shortened
from xpnet.report.worst import Case, worst
from xpnet.typing import Host

__all__ = ["Judged", "judge", "worst_cases"]

_WORST = 12  # number of worst examples shown
_AT_ONCE = 8192  # examples in a batch


class Judged(NamedTuple):
    """The parts of the page that judge the network.

    Attributes
    ----------
    metrics : printed values by name
    figures : <svg>s
    table : head, then one row for each class; empty for a quantity
    losses : (N,)
    answer : (index of an example) -> its actual and its predicted value in words
    """

    metrics: dict[str, str]
    figures: list[str]
    table: list[tuple[str, ...]]
    losses: Host
    answer: _Answer


class _Answer(Protocol):
    def __call__(self, index: int) -> tuple[str, str]: ...


def judge(report: Report, key: str = "") -> Judged:
    """Judge a report's network as one for classes or for a quantity, depending on its loss.

    ``key`` makes the figures' ids differ from those of other judgements on the page.
    """
    if isinstance(report.answers, Classified):
        return _classes(report, report.answers, key)
    if report.answers is not None:
        return _quantity(report, report.answers, key)
    if is_for_classes(loss_of(report.net, report.Y)):
        found = classified(report.net, report.X, report.Y, report.class_names)
        return _classes(report, found, key)
    _, mean, scale = report.quantity
    both = quantities(report.net, report.X, report.Y)
    return _quantity(report, Quantities(*(mean + scale * x for x in both)), key)


def worst_cases(judged: Mapping[str, Judged]) -> list[Case]:
    """The examples with the largest loss, which is the sum over several targets, by name."""
    losses = np.sum([each.losses for each in judged.values()], axis=0)

    def words(answers: Iterable[str]) -> str:
        if len(judged) == 1:
            return next(iter(answers))
        return ", ".join(f"{name}: {said}" for name, said in zip(judged, answers, strict=True))

    def case(i: int) -> Case:
        answers = [each.answer(i) for each in judged.values()]
        return Case(i, float(losses[i]), *map(words, zip(*answers, strict=True)))

    return [case(i) for i in worst(losses, _WORST)]


def _classes(report: Report, found: Classified, key: str) -> Judged:
    confusion = ConfusionDisplay.from_classified(found)
    calibration = CalibrationDisplay.from_classified(found)
    given = found.probabilities, found.labels, report.weights
    accuracy, f1 = (float(METRICS[name](np, *given)) for name in ("accuracy", "f1"))
    most = np.bincount(found.labels, report.weights, minlength=len(found.names))
    frequent = found.names[int(most.argmax())]
    losses = _losses(report, found)
    metrics = {
        "accuracy": f"{accuracy:.4f}",
        f"accuracy of always predicting {frequent!r}": f"{most.max() / most.sum():.4f}",
        "F1, mean of the classes": f"{f1:.4f}",
        "loss": f"{np.average(losses, weights=report.weights):.4f}",
        "calibration error": f"{calibration.error:.4f}",
    }
    about = f"Confusion matrix of {len(found.names)} classes, accuracy {accuracy:.4f}"
    figures = [
        svg(confusion, f"confusion{key}", about),
        svg(calibration, f"calibration{key}", f"Calibration, error {calibration.error:.4f}"),
    ]

    def answer(index: int) -> tuple[str, str]:
        k, p = int(found.predicted[index]), found.probabilities[index]
        actual = shortened(found.names[int(found.labels[index])])
        return actual, f"{shortened(found.names[k])} ({p[k]:.2f})"

    return Judged(metrics, figures, list(_by_class(confusion)), losses, answer)


def _losses(report: Report, found: Classified) -> Host:
    """The loss of each example; −ln p of its class if the answers are not the network's."""
    if report.answers is None:
        return to_numpy(report.net.losses(report.X, report.Y, _AT_ONCE)).astype(np.float64)
    return log_losses(found.probabilities, found.labels)


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


def _quantity(report: Report, found: Quantities, key: str) -> Judged:
    name, (y, a, _) = report.quantity[0], found
    w = report.weights
    r2, rmse, mae = (float(METRICS[metric](np, a, y, w)) for metric in ("r2", "rmse", "mae"))
    mean = np.average(y[:, 0], weights=w)
    spread = np.sqrt(np.average((y[:, 0] - mean) ** 2, weights=w))
    losses = _squares(report, found)
    metrics = {
        "R²": f"{r2:.4f}",
        "RMSE": f"{rmse:.6g}",
        "RMSE of always predicting the mean": f"{float(spread):.6g}",
        "mean absolute error": f"{mae:.6g}",
        "loss": f"{np.average(losses, weights=w):.4f}",
    }
    display = PredictionErrorDisplay.from_predictions(y, a, target_names=[name])
    figures = [svg(display, f"predicted{key}", f"Predicted over actual {name}, R² {r2:.4f}")]

    def answer(index: int) -> tuple[str, str]:
        return f"{y[index, 0]:.6g}", f"{a[index, 0]:.6g}"

    return Judged(metrics, figures, [], losses, answer)


def _squares(report: Report, found: Quantities) -> Host:
    """The loss of each example, which for given answers is a squared error."""
    if report.answers is None:
        return to_numpy(report.net.losses(report.X, report.Y, _AT_ONCE)).astype(np.float64)
    if found.losses is not None:
        return found.losses
    return np.asarray(((found.predicted - found.actual) / report.quantity[2])[:, 0] ** 2)

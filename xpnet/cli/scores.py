"""Score a model on the rows held out, and compare it with a baseline without a network."""

from __future__ import annotations

import numpy as np

from xpnet.tables import Model, Table
from xpnet.tables.calibration import quantity_scores
from xpnet.tables.several import apart
from xpnet.tables.single import Truth
from xpnet.tables.targets import Classes, Quantity, Target
from xpnet.tables.weights import row_weights
from xpnet.typing import Host

__all__ = ["held_out_scores"]


def held_out_scores(
    model: Model, train: Table, test: Table | None, weight: str | None = None
) -> list[str]:
    """Return lines to print: accuracy, or R² and RMSE in the target's unit, and the baseline's.

    They are weighted by the column ``weight``. Of several targets, those of each, with its name
    before them.
    """
    if test is None:
        return ["no rows were held out to test on"]
    schema, outputs, holes = model.schema, model.outputs(test), model.schema.holes
    known, truth = (
        Truth(table, holes, None if weight is None else row_weights(table, weight, holes))
        for table in (train, test)
    )
    lines: list[str] = []
    for target, own in apart(schema.target, outputs):
        name = f"{target.name!r}: " if len(schema.targets) > 1 else ""
        each = _lines(target, own, known, truth)
        if not isinstance(target, Classes) and target.log:
            each += _of_logarithms(target, own[:, 0], known, truth)
        lines += [f"{name}{line}" for line in each]
    return lines


def _lines(target: Target, answers: Host, known: Truth, truth: Truth) -> list[str]:
    """The lines of one target; the baseline follows from the ``known`` rows to train on."""
    found = target.scores(answers, truth)
    if isinstance(target, Classes):
        Y_known, Y = (target.encode(rows.table, rows.holes) for rows in (known, truth))
        most = int(np.bincount(Y_known, known.weights).argmax())
        baseline = float(np.average(most == Y, weights=truth.weights))
        return [
            f"held-out accuracy {found['accuracy']:.4f}, log loss {found['log_loss']:.4f}",
            f"baseline accuracy {baseline:.4f} (always {target.classes[most]!r})",
            *_remark(found["accuracy"] <= baseline),
        ]
    mean = np.average(target.known(known), weights=known.weights)
    baseline_scores = target.scores(np.full((len(answers), 1), mean), truth)
    return [
        _line("held-out", found),
        f"{_line('baseline', baseline_scores)} (the mean of the training rows)",
        *_remark(found["rmse"] >= baseline_scores["rmse"]),
    ]


def _of_logarithms(target: Quantity, predicted: Host, known: Truth, truth: Truth) -> list[str]:
    """A line on R² of ln y, for which the network was trained; none if a row held out has y ≤ 0."""
    y = target.known(truth)
    if y.min() <= 0:
        return []
    mean = np.average(np.log(target.known(known)), weights=known.weights)
    R2, baseline = (
        quantity_scores(a, np.log(y), truth.weights)["r2"]
        for a in (np.log(predicted), np.full(len(y), mean))
    )
    return [f"R² of the logarithm: held-out {R2:.4f}, baseline {baseline:.4f} (its mean)"]


def _remark(useless: bool) -> list[str]:
    return ["the model is no better than the baseline"] if useless else []


def _line(name: str, scores: dict[str, float]) -> str:
    return f"{name} R² {scores['r2']:.4f}, RMSE {scores['rmse']:.4g}"

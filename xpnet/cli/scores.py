"""Score a model on the rows held out, and compare it with a baseline without a network."""

from __future__ import annotations

import numpy as np

from xpnet.tables import Model, Table
from xpnet.tables.calibration import quantity_scores
from xpnet.tables.several import apart
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
    weights = [None if weight is None else row_weights(t, weight, holes) for t in (train, test)]
    lines: list[str] = []
    for target, own in apart(schema.target, outputs):
        name = f"{target.name!r}: " if len(schema.targets) > 1 else ""
        found = target.scores(own, test, holes, weights[1])
        each = _lines(target, found, (train, test), holes, weights)
        if not isinstance(target, Classes) and target.log:
            each += _of_logarithms(target, own[:, 0], (train, test), holes, weights)
        lines += [f"{name}{line}" for line in each]
    return lines


def _lines(
    target: Target,
    found: dict[str, float],
    tables: tuple[Table, Table],
    holes: tuple[str, ...],
    weights: list[Host | None],
) -> list[str]:
    """The lines of one target, whose scores are ``found``; rows to train on come first."""
    train, test = tables
    if isinstance(target, Classes):
        most = int(np.bincount(target.encode(train, holes), weights[0]).argmax())
        baseline = float(np.average(target.encode(test, holes) == most, weights=weights[1]))
        return [
            f"held-out accuracy {found['accuracy']:.4f}, log loss {found['log_loss']:.4f}",
            f"baseline accuracy {baseline:.4f} (always {target.classes[most]!r})",
            *_remark(found["accuracy"] <= baseline),
        ]
    y, known = (t.quantities(target.name, target.notation, holes) for t in (test, train))
    always = np.full(len(y), np.average(known, weights=weights[0]))
    mean = quantity_scores(always, y, weights[1])
    return [
        _line("held-out", found),
        f"{_line('baseline', mean)} (the mean of the training rows)",
        *_remark(found["rmse"] >= mean["rmse"]),
    ]


def _of_logarithms(
    target: Quantity,
    predicted: Host,
    tables: tuple[Table, Table],
    holes: tuple[str, ...],
    weights: list[Host | None],
) -> list[str]:
    """A line on R² of ln y, for which the network was trained; none if a row held out has y ≤ 0."""
    known, y = (t.quantities(target.name, target.notation, holes) for t in tables)
    if y.min() <= 0:
        return []
    always = np.full(len(y), np.average(np.log(known), weights=weights[0]))
    R2, mean = (
        quantity_scores(a, np.log(y), weights[1])["r2"] for a in (np.log(predicted), always)
    )
    return [f"R² of the logarithm: held-out {R2:.4f}, baseline {mean:.4f} (its mean)"]


def _remark(useless: bool) -> list[str]:
    return ["the model is no better than the baseline"] if useless else []


def _line(name: str, scores: dict[str, float]) -> str:
    return f"{name} R² {scores['r2']:.4f}, RMSE {scores['rmse']:.4g}"

"""Score a model on the rows held out, and compare it with a baseline without a network."""

from __future__ import annotations

from collections import Counter

import numpy as np

from xpnet.tables import Model, Table
from xpnet.tables.calibration import quantity_scores
from xpnet.tables.several import apart
from xpnet.tables.targets import Classes, Quantity, Target

__all__ = ["held_out_scores"]


def held_out_scores(model: Model, train: Table, test: Table | None) -> list[str]:
    """Return lines to print: accuracy, or R² and RMSE in the target's unit, and the baseline's.

    Of several targets, those of each, with its name before them.
    """
    if test is None:
        return ["no rows were held out to test on"]
    schema, outputs = model.schema, model.outputs(test)
    lines: list[str] = []
    for target, own in apart(schema.target, outputs):
        name = f"{target.name!r}: " if len(schema.targets) > 1 else ""
        found = target.scores(own, test, schema.holes)
        lines += [f"{name}{line}" for line in _lines(target, found, train, test, schema.holes)]
    return lines


def _lines(
    target: Target, found: dict[str, float], train: Table, test: Table, holes: tuple[str, ...]
) -> list[str]:
    """The lines of one target, whose scores are ``found``."""
    if isinstance(target, Classes):
        counts = Counter(target.encode(train, holes).tolist())
        most = max(sorted(counts), key=counts.__getitem__)
        baseline = float(np.mean(target.encode(test, holes) == most))
        return [
            f"held-out accuracy {found['accuracy']:.4f}, log loss {found['log_loss']:.4f}",
            f"baseline accuracy {baseline:.4f} (always {target.classes[most]!r})",
            *_remark(found["accuracy"] <= baseline),
        ]
    mean = _of_mean(target, train, test, holes)
    return [
        _line("held-out", found),
        f"{_line('baseline', mean)} (the mean of the training rows)",
        *_remark(found["rmse"] >= mean["rmse"]),
    ]


def _remark(useless: bool) -> list[str]:
    return ["the model is no better than the baseline"] if useless else []


def _of_mean(
    target: Quantity, train: Table, test: Table, holes: tuple[str, ...]
) -> dict[str, float]:
    """The scores of always predicting the mean of the training rows."""
    y, known = (t.quantities(target.name, target.notation, holes) for t in (test, train))
    return quantity_scores(np.full(len(y), known.mean()), y)


def _line(name: str, scores: dict[str, float]) -> str:
    return f"{name} R² {scores['r2']:.4f}, RMSE {scores['rmse']:.4g}"

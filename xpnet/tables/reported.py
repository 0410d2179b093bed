"""Report on a model of a table: what it answers for rows with targets, on one page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xpnet.equations.streams import SPLIT, permutation
from xpnet.plots.outputs import Classified
from xpnet.report import Report, Rows
from xpnet.report.report import Quantities
from xpnet.tables.cells import as_text
from xpnet.tables.several import apart
from xpnet.tables.single import Truth
from xpnet.tables.table import Table
from xpnet.tables.targets import Classes, Target
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.tables.model import Model

__all__ = ["reported"]

_MOST = 5000  # rows by which the columns' importance is measured


def reported(
    model: Model,
    table: Table,
    judged_by: str | None,
    data: Mapping[str, str],
    weight: str | None,
    weights: Host | None,
) -> Report:
    """The report of a model, judged by rows with targets, whose weights are in a column."""
    schema, net, source = model.schema, model.network, Path(table.source).name
    named, several = ", ".join(schema.target_names), len(schema.targets) > 1
    judged = judged_by or f"{len(table):,} rows of {source}"
    seen = _trained_on(model, table)
    if judged_by is None and seen:
        judged += f" ({seen:,} of them the model was trained on: new rows have larger errors)"
    if weight is not None:
        judged += f", with the weights in {weight!r} (pictures, the calibration error, recall and "
        judged += "precision count every row once)"
    texts = {name: _texts(table, name) for name in model.columns}
    of_target = {"targets" if several else "target": f"{named}, {schema.task}"}
    found = Report(
        f"{named} from {source}",
        net,
        model.history,
        schema.features(table, net.dtype),
        schema.target.encode(table, schema.holes),
        judged,
        {**model.recipe, **_known(model)},
        {"file": source, **data, "judged by": judged, **of_target, **_columns(model)},
        Rows(model.columns, lambda i: [str(texts[name][i]) for name in texts], table.place),
        validated_by="the rows held out for the choice",
        importance=model.importance(_sample(table), weight=weight),
        weights=weights,
    )
    pairs = apart(schema.target, model.outputs(table))
    parts = [_of_target(found, target, own, Truth(table, schema.holes)) for target, own in pairs]
    return replace(found, parts=parts) if several else parts[0]


def _trained_on(model: Model, table: Table) -> int:
    """The number of rows that the model was trained on, as far as files and lines show it."""
    if model.trained_on is None or table.places is None:
        return 0
    (file, lines), (own_file, own) = model.trained_on, table.places
    return int(np.isin(own, lines).sum()) if file == own_file else 0


def _of_target(report: Report, target: Target, outputs: Host, truth: Truth) -> Report:
    """The report of one target: what the whole model predicts, beside what is true."""
    if isinstance(target, Classes):
        Y = target.encode(truth.table, truth.holes)
        answers = Classified(outputs, Y, outputs.argmax(axis=1), target.classes)
        named = (target.name, 0.0, 1.0)
        return replace(report, class_names=target.classes, quantity=named, answers=answers)
    named = (target.name, 0.0, target.scale)
    y = target.known(truth)[:, None]
    found = Quantities(y, outputs, target.losses(outputs, truth))
    return replace(report, quantity=named, answers=found)


def _sample(table: Table) -> Table:
    """At most `_MOST` rows, drawn at random: the first ones of a sorted table are much alike."""
    order = permutation(0, SPLIT, (), len(table))
    return table.take(np.sort(order[:_MOST]))


def _texts(table: Table, name: str) -> Host:
    """A column's cells as text."""
    values = table.columns[name]
    return as_text(values) if values.dtype.kind == "f" else values


def _known(model: Model) -> dict[str, str]:
    """What a model knows of itself, also one from a file: networks, scores, temperature."""
    found, n = {}, len(model.networks)
    if n > 1:
        curves = "" if model.history is None else ", and the curves,"
        found["networks"] = (
            f"{n}, whose predictions are averaged; widths{curves} are those of the first"
        )
    if model.score:
        found["rows of the choice"] = _said(model.score)
    if model.cv_score:
        found["cross-validation"] = _said(model.cv_score)
    classes = [target for target in model.schema.targets if isinstance(target, Classes)]
    if any(target.temperature != 1 for target in classes):
        found["temperature"] = ", ".join(f"{target.temperature:.4g}" for target in classes)
    return found


def _said(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in scores.items())


def _columns(model: Model) -> dict[str, str]:
    """The numbers of columns of each kind, of inputs and of the target's classes."""
    schemas = [member.schema for member in model.members]
    kind = {column.name: column.kind for schema in schemas for column in schema.columns}
    kinds = [kind[name] for name in model.columns]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    found = {"columns": ", ".join(f"{n} {kind}" for kind, n in counts.items())}
    found["inputs"] = " or ".join(map(str, sorted({schema.width for schema in schemas})))
    if model.schema.task == Classes.task:
        found["classes"] = ", ".join(f"{target.width}" for target in model.schema.targets)
    return found

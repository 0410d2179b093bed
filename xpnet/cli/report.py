"""``--report PAGE``: report a training on one page."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from xpnet.cli.kinds import PAGE
from xpnet.cli.output import check_out
from xpnet.network import Network
from xpnet.plots.axes import matplotlib
from xpnet.plots.outputs import Classified
from xpnet.report import Images, Report, Rows
from xpnet.report.report import Quantities
from xpnet.tables import Model, Schema, Table
from xpnet.tables.cells import as_text
from xpnet.tables.several import apart
from xpnet.tables.targets import Classes, Target
from xpnet.training import History
from xpnet.typing import Host

__all__ = ["check_report", "report_of_images", "report_of_table"]

_MOST = 5000  # rows by which the columns' importance is measured


def check_report(options: argparse.Namespace, out: Path, *inputs: Path) -> None:
    """Raise before any work if a page is requested that cannot be drawn or written."""
    page = options.report
    if page is None:
        return
    matplotlib()
    check_out(page, PAGE, *inputs, option="--report")
    if os.path.realpath(page) == os.path.realpath(out):
        raise ValueError(f"--report {page} is also the model file: give a different name")


def report_of_images(
    title: str,
    net: Network,
    history: History,
    X: Host,
    labels: Host,
    shape: tuple[int, int],
    settings: Mapping[str, str],
    data: Mapping[str, str],
    class_names: Any = None,
) -> Report:
    """Return the report of a network for images, judged by the test images."""
    classes = len(set(labels.tolist()))
    return Report(
        title,
        net,
        history,
        X,
        labels,
        f"{len(labels):,} test images",
        settings,
        {**data, "test images": f"{len(labels):,}", "classes": f"{classes}"},
        Images(X, shape),
        class_names,
    )


def report_of_table(model: Model, train: Table, test: Table | None) -> Report:
    """Return the report of a model, judged by the rows held out, or else by the training rows."""
    table, schema, net = test or train, model.schema, model.network
    n, named = f"{len(table):,}", ", ".join(schema.target_names)
    judged = f"{n} rows held out" if test else f"the {n} training rows: none were held out"
    names = [column.name for column in schema.columns]
    texts = {name: _texts(table, name) for name in names}
    X, Y = schema.transform(table)
    assert Y is not None  # the rows have a target
    assert model.history is not None
    several = len(schema.targets) > 1
    found = Report(
        f"{named} from {Path(table.source).name}",
        net,
        model.history,
        X.astype(net.dtype),
        Y,
        judged,
        dict(model.recipe),
        {
            "file": Path(table.source).name,
            "training rows": f"{len(train):,}",
            "judged by": judged,
            "targets" if several else "target": f"{named}, {schema.task}",
            **_columns(schema),
        },
        Rows(
            names,
            lambda i: [str(texts[name][i]) for name in names],
            table.place,
        ),
        validated_by="the rows held out for the choice",
        importance=model.importance(table.take(slice(_MOST))),
    )
    pairs = apart(schema.target, model.outputs(table))
    parts = [_of_target(found, target, own, table, schema.holes) for target, own in pairs]
    return replace(found, parts=parts) if several else parts[0]


def _of_target(
    report: Report, target: Target, outputs: Host, table: Table, holes: tuple[str, ...]
) -> Report:
    """Return the report of one target: what the whole model predicts, beside what is true."""
    if isinstance(target, Classes):
        Y = target.encode(table, holes)
        answers = Classified(outputs, Y, outputs.argmax(axis=1), target.classes)
        named = (target.name, 0.0, 1.0)
        return replace(report, class_names=target.classes, quantity=named, answers=answers)
    y = table.quantities(target.name, target.notation, holes)
    named = (target.name, 0.0, target.scale)
    return replace(report, quantity=named, answers=Quantities(y[:, None], outputs))


def _texts(table: Table, name: str) -> Host:
    """Return a column's cells as text."""
    values = table.columns[name]
    return as_text(values) if values.dtype.kind == "f" else values


def _columns(schema: Schema) -> dict[str, str]:
    """Return the numbers of columns of each kind, of inputs and of the target's classes."""
    kinds = [column.kind for column in schema.columns]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    found = {"columns": ", ".join(f"{n} {kind}" for kind, n in counts.items())}
    found["inputs"] = f"{schema.width}"
    if schema.task == Classes.task:
        found["classes"] = ", ".join(f"{target.width}" for target in schema.targets)
    return found

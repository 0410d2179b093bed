"""``--report PAGE``: report a training on one page."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xpnet.cli.kinds import PAGE
from xpnet.cli.output import check_out
from xpnet.network import Network
from xpnet.plots.axes import matplotlib
from xpnet.report import Images, Report, Rows
from xpnet.tables import Schema, Table
from xpnet.tables.cells import as_text
from xpnet.tables.targets import Classes
from xpnet.training import History
from xpnet.typing import Host

__all__ = ["check_report", "report_of_images", "report_of_table"]


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


def report_of_table(
    table: Table,
    schema: Schema,
    net: Network,
    history: History,
    X: Host,
    Y: Host,
    rows: Host,
    settings: Mapping[str, str],
    data: Mapping[str, str],
) -> Report:
    """Return the report of a network for a table, judged by its rows ``rows``."""
    target = schema.target
    names = [column.name for column in schema.columns]
    texts = {name: _texts(table, name) for name in names}
    return Report(
        f"{target.name} from {Path(table.source).name}",
        net,
        history,
        X[rows],
        Y[rows],
        data["judged by"],
        settings,
        {**data, "target": f"{target.name}, {target.task}", **_columns(schema)},
        Rows(
            names,
            lambda i: [texts[name][rows[i]] for name in names],
            lambda i: table.place(int(rows[i])),
        ),
        target.classes if isinstance(target, Classes) else None,
        ("", 0.0, 1.0) if isinstance(target, Classes) else (target.name, target.mean, target.scale),
    )


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
    if isinstance(schema.target, Classes):
        found["classes"] = f"{len(schema.target.classes)}"
    return found

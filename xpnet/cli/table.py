"""``xpnet train data.csv --target COLUMN``: train on a user's own table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.cli import checkpoints
from xpnet.cli.columns import check_columns, embedded, hints, read_as
from xpnet.cli.input import read_input
from xpnet.cli.kinds import MODEL, PAGE
from xpnet.cli.models import model_file
from xpnet.cli.options import UsageError
from xpnet.cli.output import said_of
from xpnet.cli.scores import held_out_scores
from xpnet.cli.terminal import say
from xpnet.errors import counted, quoted
from xpnet.tables import Model, Table, held_out, train
from xpnet.tables.cells import TEXT
from xpnet.tables.csv_files import header_of
from xpnet.tables.reading import PARQUET
from xpnet.tables.roles import inputs_of
from xpnet.tables.table import shown
from xpnet.tables.targets import codes_of, fit_targets, tasks_of, with_targets
from xpnet.tables.training import check_many
from xpnet.tables.weights import row_weights, without_weight_0
from xpnet.typing import Host

__all__ = ["run"]


def check(options: argparse.Namespace) -> None:
    """Check the options against the header of a CSV file; standard input cannot be read twice."""
    path = Path(options.data)
    if path.is_file() and not path.name.lower().endswith(PARQUET):
        _check_columns(header_of(path), options)


def _check_columns(table: Table, options: argparse.Namespace) -> None:
    """Raise if the target is not given, or if a column that an option names is missing.

    Raise MemoryError if there are too many columns; a header by itself counts as no rows.
    """
    if options.target is None:
        raise UsageError(f"--target COLUMN is missing; {table.source} has {shown(table.names)}")
    check_columns(table, options)
    check_many(table, options.target, options.ignore or (), options.hidden, options.dtype)


def run(options: argparse.Namespace) -> int:
    """Train, print the scores on the rows held out, and write the model."""
    began, out = time.perf_counter(), model_file(options)
    table = read_input(Path(options.data))
    _check_columns(table, options)
    for sentence in table.notes:
        say(sentence)
    missing = tuple(options.missing or ())
    table = table.read_as(read_as(options), missing)
    others = (options.text or (), embedded(table, options), options.ignore or ())
    names = inputs_of(table, options.target, *others)
    table.settle(names, missing)
    rows, test, task = _split(table, options)
    for sentence in hints(rows, options, () if task == "classification" else options.target):
        say(sentence)
    model = train(rows, options.target, task=task, **_keywords(table, options), tell=say)
    if model.interrupted and options.checkpoint:
        return 130  # the checkpoints have it
    checkpoints.finishing(options)
    wrote = said_of(out, MODEL)
    model.save(out)
    say(f"trained in {time.perf_counter() - began:.1f} s; {wrote}")
    for line in held_out_scores(model, rows, test, options.weight):
        say(line)
    if options.report:
        wrote = said_of(options.report, PAGE)
        _report(model, rows, test, options)
        say(wrote)
    return 130 if model.interrupted else 0


def _report(model: Model, train: Table, test: Table | None, options: argparse.Namespace) -> None:
    """Write the page, judged by the rows held out, or else by the training rows."""
    n = f"{len(test or train):,}"
    judged = f"{n} rows held out" if test else f"the {n} training rows: none were held out"
    model.report(
        options.report,
        test or train,
        judged_by=judged,
        data={"training rows": f"{len(train):,}"},
        weight=options.weight,
    )


def _split(table: Table, options: argparse.Namespace) -> tuple[Table, Table | None, str]:
    """Say what is predicted; return the rows to train on, those to test on, and the task."""
    names, missing = options.target, tuple(options.missing or ())
    if options.weight:
        table = without_weight_0(table, options.weight, missing, say)
    task, reasons = options.task, ("--task",) * len(names)
    if task is None:
        task, reasons = tasks_of(table, names, missing)
    table = with_targets(table, names, task, missing, say)
    _check_all_rows(table, options, task)
    fraction = 0.2 if options.validation is None else options.validation
    try:
        train, test = _rows(table, names, task, fraction)
    except ValueError as error:
        raise ValueError(
            f"{table.source}, column {', '.join(map(quoted, names))}: {error} (--validation 0 "
            "holds out no rows)"
        ) from error
    say(
        f"{table.source}: {counted(len(train), 'row')} to train on, {len(test)} held out to test on"
    )
    for name, why in zip(names, reasons, strict=True):
        say(f"target {name!r}: {task} ({why})")
    return table.take(train), table.take(test) if len(test) else None, task


def _check_all_rows(table: Table, options: argparse.Namespace, task: str) -> None:
    """Raise for bad targets and weights of any row, also of those that only judge the model."""
    missing = tuple(options.missing or ())
    fit_targets(table, options.target, task, slice(None), missing, bool(options.log_target))
    if options.weight:
        row_weights(table, options.weight, missing)


def _rows(table: Table, names: Sequence[str], task: str, fraction: float) -> tuple[Host, Host]:
    """The rows to train on and those held out; a class that is too small is only trained on."""
    if task != "classification" or not fraction:
        return held_out(None, len(table), fraction)
    if len(names) > 1:
        return _rows_of_several(table, names, fraction)
    name = names[0]
    labels, counts = np.unique(table.columns[name], return_inverse=True, return_counts=True)[1:]
    n_held = np.round(fraction * counts)
    small = (n_held == 0) | (n_held == counts)
    if small.all():
        return held_out(table.columns[name], len(table), fraction)  # the error names a class
    if small.any():
        few = counted(int(np.count_nonzero(small)), "class has", "classes have")
        say(f"{few} too few rows to hold any out: trained on only")
    large = np.flatnonzero(~small[labels])
    test = large[held_out(labels[large], len(large), fraction)[1]]
    return np.setdiff1d(np.arange(len(table)), test), test


def _rows_of_several(table: Table, names: Sequence[str], fraction: float) -> tuple[Host, Host]:
    """The same share of each combination of classes, if all have enough rows, else of all rows.

    Rows with a class that only rows held out have are trained on.
    """
    codes = codes_of(table, names)
    try:
        train, test = held_out(codes, len(table), fraction)
    except ValueError:
        train, test = held_out(None, len(table), fraction)
    for name in names:
        cells = np.array(table.labels(name), TEXT)
        new = ~np.isin(cells[test], cells[train])
        train, test = np.sort(np.concatenate([train, test[new]])), test[~new]
    return train, test


def _keywords(table: Table, options: argparse.Namespace) -> dict[str, Any]:
    """The keywords of `train` that the options give; the table knows how its columns are read."""
    return {
        "text": options.text or (),
        "embed": embedded(table, options),
        "ignore": options.ignore or (),
        "missing": options.missing or (),
        "log_target": bool(options.log_target),
        "quick": bool(options.quick),
        "networks": options.networks or 1,
        "hidden": options.hidden,
        "epochs": options.epochs,
        "seconds": options.time,
        "cv": options.cv,
        "weight": options.weight,
        "class_weight": options.class_weight,
        "seed": options.seed,
        "backend": options.backend,
        "device": options.device,
        "dtype": options.dtype,
        "progress": sys.stderr.isatty(),
        **checkpoints.keywords(options),
    }

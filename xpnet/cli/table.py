"""``xpnet train data.csv --target COLUMN``: train on a user's own table."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from xpnet.cli.fitting import Settings, batch_size, fit
from xpnet.cli.input import read_input
from xpnet.cli.kinds import MODEL, PAGE
from xpnet.cli.models import model_file
from xpnet.cli.options import UsageError
from xpnet.cli.output import said_of
from xpnet.cli.report import report_of_table
from xpnet.cli.scores import held_out_scores
from xpnet.cli.terminal import say
from xpnet.errors import printable, quoted
from xpnet.network import Network
from xpnet.report import Report
from xpnet.tables import Schema, Table, held_out, save_model
from xpnet.tables.columns import Embedded
from xpnet.tables.csv_files import header_of
from xpnet.tables.reading import PARQUET
from xpnet.tables.table import shown
from xpnet.tables.targets import Classes, fit_target, task_of
from xpnet.training import History
from xpnet.typing import Host

__all__ = ["run"]


@dataclass(frozen=True)
class _Data:
    """The table as arrays for the network; the split is stratified by ``labels``."""

    table: Table
    schema: Schema
    X: Host
    Y: Host
    labels: Host | None
    train: Host
    test: Host


def check(options: argparse.Namespace) -> None:
    """Check the options against the header of a CSV file; standard input cannot be read twice."""
    path = Path(options.data)
    if path.is_file() and not path.name.lower().endswith(PARQUET):
        _check_columns(header_of(path), options)


def _check_columns(table: Table, options: argparse.Namespace) -> None:
    """Raise if a column that an option names is missing, or if the target is named twice."""
    if options.target is None:
        raise UsageError(f"--target COLUMN is missing; {table.source} has {shown(table.names)}")
    _check_one_each(table, options)
    others = (
        *(options.text or ()),
        *_embedded(table, options.embed or ()),
        *(options.ignore or ()),
    )
    for name in (options.target, *others):
        table.require(name)
    if options.target in others:
        raise UsageError(
            f"{quoted(options.target)} is the target: it can't be left out, and --task sets its "
            "kind"
        )


def run(options: argparse.Namespace) -> int:
    """Train, print the scores on the rows held out, and write the model with its schema."""
    began, out = time.perf_counter(), model_file(options)
    data = _prepare(read_input(Path(options.data)), options)
    net = _network(data.schema, options)
    say(f"network {'-'.join(map(str, net.sizes))}, {net.dtype}, {net.backend.name} {net.device}")
    labels = None if data.labels is None else data.labels[data.train]
    settings = Settings(options.epochs, sys.stderr.isatty())
    if options.report and len(data.test):
        metric = "r2" if data.labels is None else "accuracy"
        settings = replace(
            settings, validation_data=(data.X[data.test], data.Y[data.test]), metrics=(metric,)
        )
    history = fit(net, data.X[data.train], data.Y[data.train], labels, settings)
    wrote = said_of(out, MODEL)
    scores = held_out_scores(net, data.schema, data.X, data.Y, data.train, data.test)
    save_model(net, data.schema, out)
    say(f"trained {len(history)} epochs in {time.perf_counter() - began:.1f} s; {wrote}")
    for line in scores:
        say(line)
    if options.report:
        wrote = said_of(options.report, PAGE)
        _report(data, net, history).save(options.report)
        say(wrote)
    return 130 if history.stopped else 0


def _report(data: _Data, net: Network, history: History) -> Report:
    """Return the report, judged by the rows held out, or by the training rows if there are none."""
    held = len(data.test) > 0
    rows = data.test if held else data.train
    n = f"{len(rows):,}"
    settings = {
        "optimizer": "Adam, learning rate 0.001",
        "batch size": f"{batch_size(len(data.train))}",
    }
    about = {
        "file": Path(data.table.source).name,
        "training rows": f"{len(data.train):,}",
        "judged by": f"{n} rows held out" if held else f"the {n} training rows: none were held out",
    }
    fixed = data.table, data.schema, net, history, data.X, data.Y, rows
    return report_of_table(*fixed, settings, about)


def _prepare(table: Table, options: argparse.Namespace) -> _Data:
    name = options.target
    _check_columns(table, options)
    task, why = (options.task, "--task") if options.task else task_of(table, name)
    labels = _labels(table, name, task)
    train, test = _split(table, name, labels, options.validation)
    schema = Schema.fit(
        table,
        name,
        task,
        rows=train,
        text=options.text or (),
        embed=_embedded(table, options.embed or ()),
        ignore=options.ignore or (),
    )
    X, Y = schema.features(table), schema.target.encode(table)
    say(f"{table.source}: {len(train)} rows to train on, {len(test)} held out to test on")
    say(f"target {name!r}: {task} ({why})")
    say(f"{len(schema.columns)} columns make {schema.width} inputs")
    for column in schema.columns:
        if isinstance(column, Embedded):
            n = len(column.categories)
            say(f"column {column.name!r}: {n} categories, {column.dim} numbers each")
    return _Data(table, schema, X, Y, labels, train, test)


def _embedded(table: Table, given: Iterable[str]) -> dict[str, int | None]:
    """Parse each COLUMN or COLUMN:DIM into name and dim, which is None if not given.

    If the whole text is the name of a column, it is taken as the name.
    """
    found: dict[str, int | None] = {}
    for text in given:
        name, _, dim = text.rpartition(":")
        if text not in table.names and name in table.names and not dim.isdecimal():
            raise UsageError(
                f"--embed {printable(text)}: after the colon, give the number of values for "
                f"each category, such as {name}:8; got {quoted(dim)}"
            )
        if text in table.names or not (name and dim.isdecimal()):
            found[text] = None
        elif int(dim) < 1:
            raise UsageError(
                f"--embed {text}: the dim of column {quoted(name)} must be a positive integer, got "
                f"{dim}"
            )
        else:
            found[name] = int(dim)
    return found


def _check_one_each(table: Table, options: argparse.Namespace) -> None:
    """Raise if an option lists several columns with commas: each column needs its own option.

    A column's name may contain commas.
    """
    for option in ("text", "embed", "ignore"):
        for text in getattr(options, option) or ():
            parts = [part.strip() for part in text.split(",")]
            names = {part.partition(":")[0] for part in parts}
            if len(parts) > 1 and text not in table.names and names <= {*table.names}:
                each = " ".join(f"--{option} {shlex.quote(part)}" for part in parts)
                raise UsageError(f"--{option} {text}: name one column per option, {each}")


def _labels(table: Table, name: str, task: str) -> Host | None:
    target = fit_target(table, name, task, slice(None))
    return target.names()[target.encode(table)] if isinstance(target, Classes) else None


def _split(
    table: Table, name: str, labels: Host | None, fraction: float | None
) -> tuple[Host, Host]:
    try:
        return held_out(labels, len(table), 0.2 if fraction is None else fraction)
    except ValueError as error:
        raise ValueError(
            f"{table.source}, column {name!r}: {error} (--validation 0 holds out no rows)"
        ) from error


def _network(schema: Schema, options: argparse.Namespace) -> Network:
    return Network(
        [schema.width, *schema.input_layers(), *(options.hidden or (64,)), schema.target.width],
        loss=schema.target.loss,
        backend=options.backend,
        device=options.device,
        dtype=options.dtype,
        rng=options.seed,
    )

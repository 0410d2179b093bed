"""``xpnet predict model.safetensors data.csv --out predictions.csv``: predict a table's rows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.cli.input import check_input, read_input
from xpnet.cli.kinds import TABLE
from xpnet.cli.models import model_for_tables
from xpnet.cli.options import add_where, check_where
from xpnet.cli.output import check_out, is_stdout, said_of, write_table
from xpnet.cli.terminal import say
from xpnet.errors import warn
from xpnet.tables import Schema, Table
from xpnet.tables.columns import Number
from xpnet.tables.doubts import far_cells
from xpnet.tables.table import shown

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet predict``."""
    parser = commands.add_parser(
        "predict",
        help="predict for the rows of a table and write a CSV file",
        description="Predict for every row of a table with a model that xpnet trained on one: the "
        "class and the probability of each class, or the quantity. Columns may be in any order; "
        "the target may be missing.",
    )
    parser.add_argument("model", type=Path, help="a file that xpnet train wrote for a table")
    parser.add_argument(
        "data", type=Path, help="a .csv or .parquet file with the same columns (-: CSV from stdin)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("predictions.csv"), help="CSV file (-: stdout)"
    )
    add_where(parser)
    parser.set_defaults(run=run, check=check)


def check(options: argparse.Namespace) -> None:
    """Check everything that can be checked before anything is read."""
    check_where(options)
    check_out(options.out, TABLE, options.data, options.model)
    check_input(options.data)


def run(options: argparse.Namespace) -> int:
    """Write the predictions; a file is written completely or not at all."""
    schema, net = model_for_tables(options.model, options.backend, options.device)
    table = read_input(options.data)
    outputs = to_numpy(net.predict(schema.features(table), batch_size=8192))
    bad = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if len(bad):
        raise ValueError(f"the model's outputs for {table.place(int(bad[0]))} are not finite")
    _warn_of_far_cells(schema, table)
    beside = sys.stderr if is_stdout(options.out) else None
    wrote = said_of(options.out, TABLE)
    write_table(options.out, schema.predictions(outputs))
    if ignored := _ignored(schema, table):
        say(f"columns that the model does not use: {shown(ignored, 8)}", beside)
    say(f"{table.source}: {len(table)} rows; {wrote}", beside)
    return 0


def _ignored(schema: Schema, table: Table) -> tuple[str, ...]:
    used = {schema.target.name, *(column.name for column in schema.columns)}
    return tuple(name for name in table.names if name not in used)


def _warn_of_far_cells(schema: Schema, table: Table) -> None:
    for column in schema.columns:
        if isinstance(column, Number):
            for doubt in far_cells(table, column.name, column.mean, column.scale):
                warn(doubt)

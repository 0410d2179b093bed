"""``xpnet predict model.safetensors data.csv --out predictions.csv``: predict a table's rows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.cli.columns import add_missing, check_missing, check_one_each
from xpnet.cli.input import check_input, read_input
from xpnet.cli.kinds import TABLE, predictions_with
from xpnet.cli.models import check_order
from xpnet.cli.options import add_where, between_0_and_1, check_where
from xpnet.cli.output import check_out, is_stdout, said_of, write_table
from xpnet.cli.terminal import say
from xpnet.errors import counted, printable, warn
from xpnet.tables import Model, Table, load
from xpnet.tables.cells import TEXT
from xpnet.tables.formulas import formulas, safe_columns
from xpnet.tables.table import shown

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet predict``."""
    parser = commands.add_parser(
        "predict",
        help="predict for the rows of a table and write a CSV file",
        description="Predict for every row of a table with a model that xpnet trained on one: the "
        "class and the probability of each class, or the quantity. Columns may be in any order; "
        "the targets may be missing.",
    )
    parser.add_argument("model", type=Path, help="a file that xpnet train wrote for a table")
    parser.add_argument(
        "data", type=Path, help="a .csv or .parquet file with the same columns (-: CSV from stdin)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("predictions.csv"), help="CSV file (-: stdout)"
    )
    _add_column_options(parser)
    add_where(parser)
    parser.set_defaults(run=run, check=check)


def _add_column_options(parser: Any) -> None:
    """Options on the columns that are written, and on cells."""
    parser.add_argument(
        "--keep",
        metavar="COLUMN",
        action="append",
        help="a column, such as a key, to copy before the predictions (may be repeated); an empty "
        "text: the first column, if it has no name",
    )
    parser.add_argument(
        "--intervals",
        type=between_0_and_1("--intervals"),
        metavar="COVERAGE",
        help="also write the ends of intervals that hold the quantity with this probability, such "
        "as 0.9, as columns lower and upper",
    )
    add_missing(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail if the table has what the training rows had not: a new category, a hole in a "
        "column that had none, a number far outside of the range",
    )
    parser.add_argument(
        "--safe-cells",
        action="store_true",
        help="write an apostrophe before text that a spreadsheet would run as a formula",
    )


def check(options: argparse.Namespace) -> None:
    """Check everything that can be checked before anything is read."""
    check_where(options)
    check_order(options.model, options.data)
    check_out(options.out, predictions_with(options.keep or ()), options.data, options.model)
    check_input(options.data)


def run(options: argparse.Namespace) -> int:
    """Write the predictions; a file is written completely or not at all."""
    model = load(options.model, options.backend, options.device)
    table = read_input(options.data)
    check_one_each(table, options, ("keep",))
    check_missing(table, options.missing or ())
    model = model.with_missing(options.missing or ())
    news = model.news(table)
    if options.strict and news:
        raise ValueError(f"{news[0]} (--strict)")
    kept, predictions = _kept(table, options.keep or ()), model.named(table, options.intervals)
    for name in kept.keys() & predictions.keys():
        raise ValueError(f"--keep {printable(name)}: the predictions have a column of this name")
    columns = {**kept, **predictions}
    if options.safe_cells:
        columns = safe_columns(columns)
    for sentence in (*news, *(f"{found} (as text: --safe-cells)" for found in formulas(columns))):
        warn(sentence)
    beside = sys.stderr if is_stdout(options.out) else None
    wrote = said_of(options.out, TABLE)
    write_table(options.out, columns)
    if ignored := _ignored(model, table):
        say(f"columns that the model does not use: {shown(ignored, 8)}", beside)
    say(f"{table.source}: {counted(len(table), 'row')}; {wrote}", beside)
    return 0


def _kept(table: Table, names: Sequence[str]) -> dict[str, Any]:
    """The columns to copy beside the predictions, as text; the one without a name is the index."""
    kept: dict[str, Any] = {}
    for name in sorted(names, key=bool):  # an index has no name, and is the first column
        if name == "" and table.index is not None:
            kept[name] = table.index
        else:
            kept[name] = np.array(table.labels(name), TEXT)
    return kept


def _ignored(model: Model, table: Table) -> tuple[str, ...]:
    used = {*model.schema.target_names, *model.columns}
    return tuple(name for name in table.names if name not in used)

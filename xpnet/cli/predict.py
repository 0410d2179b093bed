"""``xpnet predict model.safetensors data.csv --out predictions.csv``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.cli.models import model_for_tables
from xpnet.cli.output import check_out
from xpnet.tables import Schema, Table, read_table, write_csv
from xpnet.tables.table import shown

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """The options of ``xpnet predict``."""
    parser = commands.add_parser(
        "predict",
        help="predict for the rows of a table and write a CSV file",
        description="Predict for every row of a table with a model that xpnet trained on one: the "
        "class and the probability of each, or the quantity. Columns may be in any order; the "
        "target need not be there.",
    )
    parser.add_argument("model", type=Path, help="a file that xpnet train wrote for a table")
    parser.add_argument("data", type=Path, help="a .csv or .parquet file with the same columns")
    parser.add_argument("--out", type=Path, default=Path("predictions.csv"), help="CSV file")
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch, jax or auto")
    parser.add_argument("--device", help="such as cuda:1; the library's default otherwise")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the predictions, whole or not at all."""
    check_out(options.out, options.data, options.model)
    schema, net = model_for_tables(options.model, options.backend, options.device)
    table = read_table(options.data)
    outputs = to_numpy(net.predict(schema.features(table), batch_size=8192))
    bad = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if len(bad):
        raise ValueError(f"the model's outputs for {table.place(int(bad[0]))} are not finite")
    write_csv(options.out, schema.predictions(outputs))
    _say_ignored(schema, table)
    print(f"{options.data}: {len(table)} rows; wrote {options.out}")
    return 0


def _say_ignored(schema: Schema, table: Table) -> None:
    used = {schema.target.name, *(column.name for column in schema.columns)}
    ignored = tuple(name for name in table.names if name not in used)
    if ignored:
        print(f"columns that the model does not use: {shown(ignored, 8)}")

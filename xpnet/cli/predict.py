"""``xpnet predict model.safetensors data.csv --out predictions.csv``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.checkpoint import load
from xpnet.cli.output import check_out
from xpnet.layers import Embedding
from xpnet.network import Network
from xpnet.tables import Schema, Table, read_schema, read_table, write_csv
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
    schema, net = _model(options)
    table = read_table(options.data)
    outputs = to_numpy(net.predict(schema.features(table), batch_size=8192))
    bad = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if len(bad):
        raise ValueError(f"the model's outputs for {table.place(int(bad[0]))} are not finite")
    write_csv(options.out, schema.predictions(outputs))
    _say_ignored(schema, table)
    print(f"{options.data}: {len(table)} rows; wrote {options.out}")
    return 0


def _model(options: argparse.Namespace) -> tuple[Schema, Network]:
    schema = read_schema(options.model)
    if schema is None:
        raise ValueError(
            f"{str(options.model)!r} was not trained on a table, so it does not say which columns "
            "it takes: train one with xpnet train data.csv --target COLUMN"
        )
    net = load(options.model, backend=options.backend, device=options.device)
    takes = (net.sizes[0], net.sizes[-1])
    if takes != (schema.width, schema.target.width):
        raise ValueError(
            f"{str(options.model)!r} is damaged: its network has {takes[0]} inputs and {takes[1]} "
            f"outputs, its schema {schema.width} and {schema.target.width}"
        )
    wanted = [layer.config() for layer in schema.input_layers()]
    if [layer.config() for layer in net.plan.layers if isinstance(layer, Embedding)] != wanted:
        raise ValueError(
            f"{str(options.model)!r} is damaged: its network and its schema embed different columns"
        )
    return schema, net


def _say_ignored(schema: Schema, table: Table) -> None:
    used = {schema.target.name, *(column.name for column in schema.columns)}
    ignored = tuple(name for name in table.names if name not in used)
    if ignored:
        print(f"columns that the model does not use: {shown(ignored, 8)}")

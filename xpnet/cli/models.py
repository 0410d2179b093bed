"""The model files that the commands write and read."""

from __future__ import annotations

import argparse
from pathlib import Path

from xpnet.errors import quoted
from xpnet.files.load import load
from xpnet.layers import Embedding
from xpnet.network import Network
from xpnet.tables import Schema, read_schema

__all__ = ["model_file", "model_for_tables"]


def model_file(options: argparse.Namespace) -> Path:
    """Return the file that training writes: --out, or the data's name in the working folder."""
    out: Path | None = options.out
    return out or Path(f"{Path(options.data).stem}.safetensors")


def model_for_tables(path: Path, backend: str, device: str | None) -> tuple[Schema, Network]:
    """Return schema and network; raise ValueError if the file is damaged or not for tables."""
    schema = read_schema(path)
    if schema is None:
        raise ValueError(
            f"{quoted(str(path))} was not trained on a table, so it does not say which columns "
            "it takes: train one with xpnet train data.csv --target COLUMN"
        )
    net = load(path, backend=backend, device=device)
    takes = (net.sizes[0], net.sizes[-1])
    if takes != (schema.width, schema.target.width):
        raise ValueError(
            f"{quoted(str(path))} is damaged: its network has {takes[0]} inputs and {takes[1]} "
            f"outputs, its schema {schema.width} and {schema.target.width}"
        )
    wanted = [layer.config() for layer in schema.input_layers()]
    if [layer.config() for layer in net.plan.layers if isinstance(layer, Embedding)] != wanted:
        raise ValueError(
            f"{quoted(str(path))} is damaged: its network and its schema embed different columns"
        )
    return schema, net

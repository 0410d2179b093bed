"""``xpnet info model.safetensors``: what a model file holds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xpnet.checkpoint import describe, load
from xpnet.tables import Schema, read_schema
from xpnet.tables.columns import Embedded, Number
from xpnet.tables.table import shown
from xpnet.tables.targets import Classes

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """The options of ``xpnet info``."""
    parser = commands.add_parser(
        "info", help="describe a model file", description="Describe a model file."
    )
    parser.add_argument("model", type=Path, help="a file that xpnet wrote")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table of layers and the settings, and the columns of a model for tables."""
    settings = describe(options.model)
    schema = read_schema(options.model)
    print(f"{options.model}: {options.model.stat().st_size:,} bytes")
    print(f"written by xpnet {settings['xpnet_version']} after {settings['epoch']} epochs")
    print(f"seed {settings['seed']}, initializer {settings['initializer'] or 'by activation'}")
    print(load(options.model).summary())
    for line in [] if schema is None else _columns(schema):
        print(line)
    return 0


def _columns(schema: Schema) -> Iterator[str]:
    """A line for the target and one for each column."""
    target = schema.target
    if isinstance(target, Classes):
        yield f"predicts {target.name!r}: {target.task}, classes {shown(target.classes)}"
    else:
        about = f"mean {target.mean:.6g}, scale {target.scale:.6g}"
        yield f"predicts {target.name!r}: {target.task}, {about}"
    yield f"from {len(schema.columns)} columns:"
    for column in schema.columns:
        if isinstance(column, Number):
            about = f"mean {column.mean:.6g}, scale {column.scale:.6g}"
        else:
            about = shown(column.categories, 8)
        if isinstance(column, Embedded):
            about = f"{column.dim} numbers each, {about}"
        yield f"  {column.name!r}: {column.kind}, {about}"

"""``xpnet info model.safetensors``: describe a model file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xpnet.cli.terminal import say
from xpnet.errors import printable, quoted
from xpnet.files.load import describe, load
from xpnet.network import Network
from xpnet.tables import Schema
from xpnet.tables.columns import Embedded, Number
from xpnet.tables.model_files import schema_of
from xpnet.tables.table import shown
from xpnet.tables.targets import Classes

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet info``."""
    parser = commands.add_parser(
        "info", help="describe a model file", description="Describe a model file."
    )
    parser.add_argument("model", type=Path, help="a file that xpnet wrote")
    parser.set_defaults(run=run, check=lambda _: None)


def run(options: argparse.Namespace) -> int:
    """Print the settings, the table of layers, and the columns of a model for tables.

    Control characters are escaped, since the file may come from anywhere.
    """
    settings, net = describe(options.model), load(options.model)
    schema = schema_of(settings, str(options.model))
    for line in _lines(options.model, settings, net, schema):
        say(printable(line))
    return 0


def _lines(
    path: Path, settings: Mapping[str, Any], net: Network, schema: Schema | None
) -> Iterator[str]:
    yield f"{path}: {path.stat().st_size:,} bytes"
    yield f"written by xpnet {settings['xpnet_version']} after {net.epoch} epochs"
    yield f"seed {quoted(net.seed)}, initializer {net.initializer or 'by activation'}"
    yield from net.summary().split("\n")
    if schema is not None:
        yield from _columns(schema)


def _columns(schema: Schema) -> Iterator[str]:
    """Yield lines on the target and on each column."""
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

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
from xpnet.tables import Model, Schema
from xpnet.tables import load as load_model
from xpnet.tables.model import is_of_table
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
    settings = describe(options.model)
    model = load_model(options.model) if is_of_table(settings["extra"]) else None
    net = load(options.model) if model is None else model.network
    for line in _lines(options.model, settings, net, model):
        say(printable(line))
    return 0


def _lines(
    path: Path, settings: Mapping[str, Any], net: Network, model: Model | None
) -> Iterator[str]:
    yield f"{path}: {path.stat().st_size:,} bytes"
    yield f"written by xpnet {settings['xpnet_version']} after {net.epoch} epochs"
    yield f"seed {quoted(net.seed)}, initializer {net.initializer or 'by activation'}"
    if model is not None and len(model.networks) > 1:
        yield f"{len(model.networks)} networks, whose predictions are averaged; the first:"
    yield from net.summary().split("\n")
    if model is not None:
        yield from _columns(model.schema)


def _columns(schema: Schema) -> Iterator[str]:
    """Yield lines on each target and on each column."""
    for target in schema.targets:
        if isinstance(target, Classes):
            about = f"classes {shown(target.classes)}"
        else:
            about = f"mean {target.mean:.6g}, scale {target.scale:.6g}"
        yield f"predicts {target.name!r}: {target.task}, {about}"
    yield f"from {len(schema.columns)} columns:"
    for column in schema.columns:
        yield f"  {column.name!r}: {column.kind}, {column.about()}"

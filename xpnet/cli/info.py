"""``xpnet info model.safetensors``: describe a model file, or a checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xpnet.cli.terminal import say
from xpnet.errors import counted, printable, quoted
from xpnet.files.checkpoint import Checkpoint, is_checkpoint
from xpnet.files.load import describe, load
from xpnet.network import Network
from xpnet.tables import Model, Schema
from xpnet.tables import load as load_model
from xpnet.tables.model_files import is_of_table
from xpnet.tables.table import shown
from xpnet.tables.targets import Classes, Target
from xpnet.training.kept_optimizer import kept_by

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet info``."""
    parser = commands.add_parser(
        "info",
        help="describe a model file or a checkpoint",
        description="Describe a model file or a checkpoint.",
    )
    parser.add_argument("model", type=Path, help="a file that xpnet wrote")
    parser.set_defaults(run=run, check=lambda _: None)


def run(options: argparse.Namespace) -> int:
    """Print the settings, the table of layers, and the columns of a model for tables.

    Control characters are escaped, since the file may come from anywhere.
    """
    if _is_checkpoint(options.model):
        for line in _of_checkpoint(options.model, Checkpoint.read(options.model)):
            say(printable(line))
        return 0
    settings = describe(options.model)
    model = load_model(options.model) if is_of_table(settings["extra"]) else None
    net = load(options.model) if model is None else model.network
    for line in _lines(options.model, settings, net, model):
        say(printable(line))
    return 0


def _is_checkpoint(path: Path) -> bool:
    return path.is_file() and is_checkpoint(path)


def _of_checkpoint(path: Path, found: Checkpoint) -> Iterator[str]:
    settings, state, data = found.settings, found.state, found.data["X"]
    yield f"{path}: {path.stat().st_size:,} bytes, a checkpoint of xpnet {found.xpnet_version}"
    place = "the fit is finished" if found.finished else "the fit can go on"
    done = f"{counted(found.epoch, 'epoch')} and {counted(found.step, 'step')}"
    yield f"{done}, {counted(state.steps, 'step')} in all; {place}"
    yield f"network {quoted(found.network_settings.get('sizes'))}, {state.theta.dtype}"
    yield f"data {quoted(data.get('shape'))}, optimizer {quoted(settings.get('optimizer'))}"
    about = (f"{name} {value}" for name, value in found.environment.items() if value)
    yield f"computed by {', '.join(about)}"
    if found.history.loss:
        yield f"loss {quoted(found.history.loss[-1])}"


def _lines(
    path: Path, settings: Mapping[str, Any], net: Network, model: Model | None
) -> Iterator[str]:
    yield f"{path}: {path.stat().st_size:,} bytes"
    yield f"written by xpnet {settings['xpnet_version']} after {counted(net.epoch, 'epoch')}"
    yield f"seed {quoted(net.seed)}, initializer {net.initializer or 'by activation'}"
    if model is not None and len(model.networks) > 1:
        yield f"{len(model.networks)} networks, whose predictions are averaged; the first:"
    yield from net.summary().split("\n")
    if (kept := kept_by(net)) is not None:
        done = f"after {counted(kept.steps, 'step')}"
        yield f"with the state of the optimizer {quoted(kept.settings()['name'])}, {done}"
    if model is not None:
        yield from _sizes(model)
        yield from _columns(model)


def _sizes(model: Model) -> Iterator[str]:
    """Yield a line on the widths of the networks that differ from the first one's."""
    widths = ["-".join(map(str, net.sizes)) for net in model.networks]
    if len(set(widths)) > 1:
        yield from _by_network("widths", widths)


def _columns(model: Model) -> Iterator[str]:
    """Yield lines on each target and each column; of the networks, where they differ."""
    schemas = [member.schema for member in model.members]
    for each in zip(*(schema.targets for schema in schemas), strict=True):
        yield from _by_network(f"predicts {each[0].name!r}", [_target(one) for one in each])
    yield f"from {counted(len(model.columns), 'column')}:"
    for name in model.columns:
        yield from _by_network(f"  {name!r}", [_column(schema, name) for schema in schemas])


def _target(target: Target) -> str:
    """What the target is, in words."""
    if isinstance(target, Classes):
        return f"{target.task}, classes {shown(target.classes)}"
    of = " of its logarithm" if target.log else ""
    return f"{target.task}, mean {target.mean:.6g}, scale {target.scale:.6g}{of}"


def _column(schema: Schema, name: str) -> str:
    """The rule of a column in words."""
    found = (column for column in schema.columns if column.name == name)
    return next((f"{column.kind}, {column.about()}" for column in found), "left out")


def _by_network(what: str, each: Sequence[str]) -> Iterator[str]:
    """Yield what all networks have on one line, or else a line for each different text."""
    different = dict.fromkeys(each)
    if len(different) == 1:
        yield f"{what}: {each[0]}"
        return
    yield f"{what}:"
    indent = " " * (len(what) - len(what.lstrip()) + 2)
    for text in different:
        numbers = [str(k) for k, own in enumerate(each, start=1) if own == text]
        networks = "network" if len(numbers) == 1 else "networks"
        yield f"{indent}{networks} {', '.join(numbers)}: {text}"

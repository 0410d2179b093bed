"""``xpnet describe data.csv``: what a table holds, and what training would make of each column."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xpnet.cli.input import check_input, read_input
from xpnet.cli.terminal import say
from xpnet.errors import printable, quoted
from xpnet.tables.described import described
from xpnet.tables.targets import task_of

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet describe``."""
    parser = commands.add_parser(
        "describe",
        help="say what a table holds, and what training would make of each column",
        description="Print two lines for each column of a table: its kind, missing cells, "
        "different values and range, and what training would make of it. Nothing is written.",
    )
    parser.add_argument("data", type=Path, help="a .csv or .parquet file (-: CSV from stdin)")
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--missing",
        metavar="TEXT",
        action="append",
        help="a text that means a missing cell, beside the usual ones (may be repeated)",
    )
    parser.set_defaults(run=run, check=lambda options: check_input(options.data))


def run(options: argparse.Namespace) -> int:
    """Print the description; names and cells are escaped, since they may hold anything."""
    for line in _lines(options):
        say(printable(line))
    return 0


def _lines(options: argparse.Namespace) -> Iterator[str]:
    table, missing = read_input(options.data), tuple(options.missing or ())
    if options.target is not None:
        table.require(options.target)
    yield f"{table.source}: {len(table)} rows, {len(table.names)} columns"
    yield from table.notes
    for name in table.names:
        what, becomes = described(table, name, missing)
        if name == options.target:
            task, why = task_of(table, name, missing)
            becomes = f"the target of a {task} ({why})"
        yield f"{quoted(name)}: {what}"
        yield f"    → {becomes}"

"""``xpnet describe data.csv``: what a table holds, and what training would make of each column."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xpnet.cli.input import check_input, read_input
from xpnet.cli.options import Each
from xpnet.cli.terminal import say
from xpnet.errors import printable, quoted
from xpnet.tables import Table
from xpnet.tables.described import described
from xpnet.tables.several import tasks_of
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
    parser.add_argument(
        "--target", action=Each, metavar="COLUMN", help="a column to predict (may be repeated)"
    )
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
    targets = options.target or ()
    for name in targets:
        table.require(name)
    yield f"{table.source}: {len(table)} rows, {len(table.names)} columns"
    yield from table.notes
    for name in table.names:
        what, becomes = described(table, name, missing)
        if name in targets:
            task, why = task_of(table, name, missing)
            becomes = f"the target of a {task} ({why})"
        yield f"{quoted(name)}: {what}"
        yield f"    → {becomes}"
    if len(targets) > 1:
        yield from _error_of(table, targets, missing)


def _error_of(table: Table, targets: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
    """The error that training would raise, if the targets have different tasks."""
    try:
        tasks_of(table, targets, missing)
    except ValueError as error:
        yield f"an error: {error}"

"""``xpnet describe data.csv``: what a table holds, and what training would make of each column."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from xpnet.cli.columns import (
    add_column_options,
    add_target_options,
    check_columns,
    embedded,
    hints,
    read_as,
)
from xpnet.cli.input import check_input, read_input
from xpnet.cli.options import UsageError
from xpnet.cli.terminal import say
from xpnet.errors import counted, printable, quoted
from xpnet.tables import Table
from xpnet.tables.described import described, described_codes, spellings
from xpnet.tables.targets import fit_targets, silent, task_of, tasks_of, with_targets
from xpnet.tables.weights import row_weights, without_weight_0

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
    add_target_options(parser)
    add_column_options(parser)
    parser.set_defaults(run=run, check=check)


def check(options: argparse.Namespace) -> None:
    """Check everything that can be checked before anything is read."""
    if options.target is None:
        for option, value in (("--task", options.task), ("--log-target", options.log_target)):
            if value is not None:
                raise UsageError(f"{option} is about the target: name it with --target COLUMN")
    check_input(options.data)


def run(options: argparse.Namespace) -> int:
    """Print the description; names and cells are escaped, since they may hold anything."""
    for line in _lines(options):
        say(printable(line, len(line)))
    return 0


def _lines(options: argparse.Namespace) -> Iterator[str]:
    table, holes = read_input(options.data), tuple(options.missing or ())
    targets = options.target or ()
    check_columns(table, options)
    table = table.read_as(read_as(options), holes)
    text = dict.fromkeys(options.text or (), "text")
    dims, table = embedded(table, options), table.read_as(text, holes)
    sizes = counted(len(table), "row"), counted(len(table.names), "column")
    yield f"{table.source}: {', '.join(sizes)}"
    yield from table.notes
    for name in table.names:
        if name in dims:
            what, becomes = described_codes(table, name, dims[name], holes)
        else:
            what, becomes = described(table, name, holes)
        yield f"{quoted(name)}: {what}"
        yield f"    → {_role_or_error(table, name, options) or becomes}"
    if len(targets) > 1 and options.task is None:
        yield from _error_of(table, targets, holes)
    for name in targets:
        if table.notation(name, holes) is None:
            yield from spellings(table, name)
    yield from hints(table, options, _quantities(table, options))


def _quantities(table: Table, options: argparse.Namespace) -> Iterator[str]:
    """The targets of a regression."""
    for name in options.target or ():
        with suppress(ValueError):  # said at the column
            if _task(table, name, options)[0] == "regression":
                yield name


def _task(table: Table, name: str, options: argparse.Namespace) -> tuple[str, str]:
    """The task of a target, and the reason in words."""
    if options.task is not None:
        return options.task, "--task"
    return task_of(table, name, tuple(options.missing or ()))


def _role_or_error(table: Table, name: str, options: argparse.Namespace) -> str:
    """The `_role`, or the error that training would raise."""
    try:
        return _role(table, name, options)
    except ValueError as error:
        return f"an error: {error}"


def _role(table: Table, name: str, options: argparse.Namespace) -> str:
    """The use of a column that is no input, in words; empty for inputs."""
    missing = tuple(options.missing or ())
    if name in (options.target or ()):
        task, why = _task(table, name, options)
        there, log = with_targets(table, [name], task, missing, silent), bool(options.log_target)
        fit_targets(there, [name], task, slice(None), missing, log)  # for its errors
        by = ", by its logarithm" if log else ""
        return f"the target of a {task}{by} ({why})"
    if name == options.weight:
        row_weights(without_weight_0(table, name, missing, silent), name, missing)
        return "the weights of the rows"
    return "left out: --ignore" if name in (options.ignore or ()) else ""


def _error_of(table: Table, targets: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
    """The error that training would raise, if the targets have different tasks."""
    try:
        tasks_of(table, targets, missing)
    except ValueError as error:
        yield f"an error: {error}"

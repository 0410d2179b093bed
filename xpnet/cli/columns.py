"""The options on the columns of a table: what each is for, and how its cells are read."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xpnet.cli.options import Each, UsageError
from xpnet.errors import printable, quoted
from xpnet.tables import Table
from xpnet.tables.cells import plain_number
from xpnet.tables.described import readings
from xpnet.tables.given import notations_given
from xpnet.tables.marks import is_hole
from xpnet.tables.notation import NAMES
from xpnet.tables.roles import inputs_of

__all__ = [
    "add_column_options",
    "add_missing",
    "add_target_options",
    "check_columns",
    "check_missing",
    "check_one_each",
    "embedded",
    "hints",
    "read_as",
]


def add_target_options(group: Any) -> None:
    """Add the options on what is predicted."""
    group.add_argument(
        "--target",
        action=Each,
        metavar="COLUMN",
        help="the column to predict (repeated: several, all classes or all quantities)",
    )
    group.add_argument(
        "--task",
        choices=["classification", "regression"],
        help="default: classification if the target is text or has few different whole numbers",
    )
    group.add_argument(
        "--log-target",
        action="store_true",
        default=None,
        help="predict the logarithm of a positive target: errors count as ratios, and predictions "
        "are medians, not means",
    )


def add_column_options(group: Any) -> None:
    """Add the options on what columns are for, and on how cells are read."""

    def repeated(option: str, metavar: str, text: str, **keywords: Any) -> None:
        keywords |= {"metavar": metavar, "action": "append"}
        group.add_argument(option, help=f"{text} (may be repeated)", **keywords)

    repeated("--text", "COLUMN", "a column of numbers that are categories")
    learned = "a column whose categories become DIM learned numbers each instead of one-hot"
    repeated("--embed", "COLUMN[:DIM]", learned)
    repeated("--ignore", "COLUMN", "a column to leave out")
    written = "how a column's cells are written, if it is recognised wrongly: "
    repeated("--as", "COLUMN:KIND", f"{written}{', '.join(NAMES)} or text", dest="read_as")
    add_missing(group)
    group.add_argument("--weight", metavar="COLUMN", help="a column of weights of the rows")


def add_missing(group: Any) -> None:
    """Add --missing."""
    group.add_argument(
        "--missing",
        metavar="TEXT",
        action="append",
        help="a text that means a missing cell, beside the usual ones (may be repeated)",
    )


def check_columns(table: Table, options: argparse.Namespace) -> None:
    """Raise if a column that an option names is missing, or if a target has another role too."""
    check_one_each(table, options, ("target", "text", "embed", "ignore"))
    check_missing(table, options.missing or ())
    others = (
        *(options.text or ()),
        *embedded(table, options),
        *(options.ignore or ()),
        *((options.weight,) if options.weight else ()),
    )
    targets = options.target or ()
    for name in (*targets, *others, *read_as(options)):
        table.require(name)
    for name in targets:
        if name in others:
            raise UsageError(
                f"{quoted(name)} is the target: it can't be left out, and --task sets its kind"
            )


def hints(
    table: Table, options: argparse.Namespace, quantities: Iterable[str] = ()
) -> Iterator[str]:
    """Sentences on columns that are doubtful or read in an unusual way, and not by an option.

    ``quantities`` are the targets of a regression.
    """
    others = (options.text or (), embedded(table, options), options.ignore or ())
    told = read_as(options)
    names = [*inputs_of(table, options.target or (), *others), *quantities]
    seen = [name for name in names if name not in told and name != options.weight]
    missing = tuple(options.missing or ())
    return readings(table, [name for name in seen if _is_read(table, name, missing)], missing)


def _is_read(table: Table, name: str, missing: Sequence[str]) -> bool:
    """Whether all cells of a column fit; if not, training and `describe` say the error."""
    try:
        table.settle([name], missing)
    except ValueError:
        return False
    return True


def read_as(options: argparse.Namespace) -> dict[str, str]:
    """Parse each COLUMN:KIND of ``--as``."""
    found: dict[str, str] = {}
    for text in options.read_as or ():
        name, colon, how = text.rpartition(":")
        if not colon or not name:
            raise UsageError(f"--as {printable(text)}: write COLUMN:KIND, such as day:day-first")
        try:
            notations_given({name: how})
        except ValueError as error:
            raise UsageError(f"--as {printable(text)}: {error}") from error
        found[name] = how
    return found


def embedded(table: Table, options: argparse.Namespace) -> dict[str, int | None]:
    """Parse each COLUMN or COLUMN:DIM of ``--embed`` into name and dim, which is None if not given.

    If the whole text is the name of a column, it is taken as the name.
    """
    found: dict[str, int | None] = {}
    for text in options.embed or ():
        name, _, dim = text.rpartition(":")
        if text not in table.names and name in table.names and not dim.isdecimal():
            raise UsageError(
                f"--embed {printable(text)}: after the colon, give the number of values for "
                f"each category, such as {name}:8; got {quoted(dim)}"
            )
        if text in table.names or not (name and dim.isdecimal()):
            found[text] = None
        elif int(dim) < 1:
            raise UsageError(
                f"--embed {text}: the dim of column {quoted(name)} must be a positive integer, got "
                f"{dim}"
            )
        else:
            found[name] = int(dim)
    return found


def check_one_each(table: Table, options: argparse.Namespace, names: Iterable[str]) -> None:
    """Raise if one of these options lists several columns with commas: each needs its own option.

    A column's name may contain commas.
    """
    for option in names:
        for text in getattr(options, option) or ():
            parts = [part.strip() for part in text.split(",")]
            names = {part.partition(":")[0] for part in parts}
            if len(parts) > 1 and text not in table.names and names <= {*table.names}:
                each = " ".join(f"--{option} {shlex.quote(part)}" for part in parts)
                raise UsageError(f"--{option} {text}: name one column per option, {each}")


def check_missing(table: Table, missing: Iterable[str]) -> None:
    """Raise if a text of ``--missing`` lists several texts with commas, and no cell is the whole.

    A header by itself has no cells that could show it.
    """
    for text in missing:
        parts = [part.strip() for part in text.split(",")]
        if len(parts) < 2 or not len(table) or _has_cell(table, text):
            continue
        if all(is_hole(part) or _has_cell(table, part) for part in parts):
            each = " ".join(f"--missing {shlex.quote(part)}" for part in parts)
            raise UsageError(f"--missing {printable(text)}: name one text per option, {each}")


def _has_cell(table: Table, text: str) -> bool:
    """Whether a cell is that text, or that number."""
    number = plain_number(text)
    return any(
        bool((cells == (number if cells.dtype.kind == "f" else text)).any())
        for cells in table.columns.values()
        if cells.dtype.kind != "O"
    )

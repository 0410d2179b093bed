"""What a column to predict is, classes or a quantity, and which rows have it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

import numpy as np

from xpnet.errors import quoted
from xpnet.ranges import is_choice
from xpnet.tables.classes import Classes
from xpnet.tables.marks import is_hole
from xpnet.tables.notation import PLAIN
from xpnet.tables.quantity import Quantity
from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = [
    "TASKS",
    "Classes",
    "Quantity",
    "Target",
    "fit_target",
    "has_target",
    "only",
    "silent",
    "task_of",
    "with_target",
]

_FEW = 20  # most different whole numbers that may be classes
_ROWS = 5  # fewest rows of each of them on average
_NO_CLASS = {"", "na", "n/a", "nan", "null", "?"}
"""Cells of a target of text that are missing, in lower case: no class is called so."""

Target: TypeAlias = Classes | Quantity
TASKS: dict[str, type[Classes] | type[Quantity]] = {kind.task: kind for kind in (Classes, Quantity)}


def task_of(table: Table, name: str, holes: Collection[str] = ()) -> tuple[str, str]:
    """Choose the task for a target column; return it and the reason in words.

    The task is classification for text, and for whole numbers with at most 20 different values,
    each in 5 rows or more on average; else regression.
    """
    notation = table.notation(name, holes)
    if notation is None:
        return "classification", "its cells are text"
    values = table.quantities(name, notation, holes)
    values = values[~np.isnan(values)]
    n = len(np.unique(values))
    few = n <= min(_FEW, max(1, len(values) // _ROWS)) and notation.kind == "number"
    if few and bool((values == np.floor(values)).all()):
        return "classification", f"its cells are {n} different whole numbers"
    kind = "dates" if notation.kind == "date" else "numbers"
    return "regression", f"its cells are {n} different {kind}"


def silent(_: str) -> None:
    """Tell nobody."""


def has_target(table: Table, name: str, task: str, holes: Collection[str] = ()) -> Host:
    """Whether each row (N,) has a target."""
    notation = table.notation(name, holes)
    if task == "regression" and notation is not None:
        return ~np.isnan(table.quantities(name, notation, holes))
    cells = table.labels(name, holes)
    if notation is not None:  # classes that are numbers
        return np.fromiter((not is_hole(cell) for cell in cells), bool, len(cells))
    return np.fromiter((cell.strip().lower() not in _NO_CLASS for cell in cells), bool, len(cells))


def with_target(
    table: Table,
    name: str,
    task: str,
    holes: Collection[str],
    tell: Callable[[str], None],
    among: str = "",
) -> Table:
    """The rows that have a target; ``tell`` is told how many have none.

    ``among`` says in an error which rows the table has, if it has not all.
    """
    there = has_target(table, name, task, holes)
    if not there.any():
        raise ValueError(f"{table.where(name)} is missing in every row{among}: there is no target")
    first = table.place(int(np.argmin(there)))
    return only(table, there, f"no {name!r} (first {first})", tell)


def only(table: Table, there: Host, without: str, tell: Callable[[str], None]) -> Table:
    """The rows that are ``there``; ``tell`` is told how many have ``without`` and are left out."""
    n = int(np.count_nonzero(~there))
    if n == 0:
        return table
    tell(f"{n} of {len(table)} rows have {without} and are left out")
    return table.take(np.flatnonzero(there))


def fit_target(
    table: Table,
    name: str,
    task: str | None,
    rows: Host | slice,
    holes: Collection[str] = (),
    log: bool = False,
) -> Target:
    """Fit the target for the given task, or for the one that `task_of` chooses."""
    chosen = task_of(table, name, holes)[0] if task is None else task
    if not is_choice(chosen, TASKS):
        raise ValueError(f"task must be {' or '.join(map(repr, TASKS))}, got {quoted(task)}")
    if chosen == "classification":
        if log:
            raise ValueError(
                f"{table.where(name)}: a logarithm is for quantities, not for classes "
                "(--log-target, log_target=)"
            )
        return Classes.fit(table, name)
    notation = table.notation(name, holes)
    if notation is not None and notation.kind == "date":
        raise ValueError(
            f"{table.where(name)} has dates, which cannot be predicted: turn them into a number, "
            "such as days from a first date"
        )
    return Quantity.fit(table, name, rows, holes, table.notation(name, holes) or PLAIN, log)

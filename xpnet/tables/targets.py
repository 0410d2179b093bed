"""The columns to predict: for which task they are, which rows have them, and their fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from xpnet.errors import quoted
from xpnet.ranges import is_choice
from xpnet.tables.cells import TEXT
from xpnet.tables.classes import Classes
from xpnet.tables.marks import is_hole
from xpnet.tables.notation import PLAIN
from xpnet.tables.quantity import Quantity
from xpnet.tables.several import AnyTarget, Target, joined
from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = [
    "TASKS",
    "Classes",
    "Quantity",
    "Target",
    "codes_of",
    "fit_targets",
    "has_target",
    "only",
    "silent",
    "task_of",
    "tasks_of",
    "with_targets",
]

_FEW = 20  # most different whole numbers that may be classes
_ROWS = 5  # fewest rows of each of them on average
_NO_CLASS = {"", "na", "n/a", "nan", "null", "?"}
"""Cells of a target of text that are missing, in lower case: no class is called so."""

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


def tasks_of(
    table: Table, names: Sequence[str], holes: Collection[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """The task that all targets have by `task_of`, and the reason for each in words.

    Raises
    ------
    ValueError
        They have different tasks.
    """
    tasks, reasons = zip(*(task_of(table, name, holes) for name in names), strict=True)
    if len(set(tasks)) > 1:
        pairs = zip(names, tasks, reasons, strict=True)
        each = ", ".join(f"{quoted(name)} is a {task} ({why})" for name, task, why in pairs)
        raise ValueError(
            f"{table.source}: the targets have different tasks: {each}. Train a model for each "
            "task, or give one task for all of them (--task, task=)"
        )
    return tasks[0], reasons


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


def with_targets(
    table: Table,
    names: Sequence[str],
    task: str,
    holes: Collection[str],
    tell: Callable[[str], None],
) -> Table:
    """The rows that have all targets; ``tell`` is told how many lack one, and which."""
    for k, name in enumerate(names):
        there = has_target(table, name, task, holes)
        if not there.any():
            among = f" that has {' and '.join(map(quoted, names[:k]))}" if k else ""
            raise ValueError(
                f"{table.where(name)} is missing in every row{among}: there is no target"
            )
        first = table.place(int(np.argmin(there)))
        table = only(table, there, f"no {name!r} (first {first})", tell)
    return table


def only(table: Table, there: Host, without: str, tell: Callable[[str], None]) -> Table:
    """The rows that are ``there``; ``tell`` is told how many have ``without`` and are left out."""
    n = int(np.count_nonzero(~there))
    if n == 0:
        return table
    tell(f"{n} of {len(table)} rows have {without} and are left out")
    return table.take(np.flatnonzero(there))


def fit_targets(
    table: Table,
    names: Sequence[str],
    task: str | None,
    rows: Host | slice,
    holes: Collection[str] = (),
    log: bool = False,
) -> AnyTarget:
    """Fit each target for the task; None: the one that all have by `task_of`."""
    task = tasks_of(table, names, holes)[0] if task is None else task
    if not is_choice(task, TASKS):
        raise ValueError(f"task must be {' or '.join(map(repr, TASKS))}, got {quoted(task)}")
    if task == Classes.task:
        return joined([_classes(table, name, log) for name in names])
    return joined([_quantity(table, name, rows, holes, log) for name in names])


def _classes(table: Table, name: str, log: bool) -> Classes:
    if log:
        raise ValueError(
            f"{table.where(name)}: a logarithm is for quantities, not for classes "
            "(--log-target, log_target=)"
        )
    return Classes.fit(table, name)


def _quantity(
    table: Table, name: str, rows: Host | slice, holes: Collection[str], log: bool
) -> Quantity:
    notation = table.notation(name, holes) or PLAIN
    if notation.kind == "date":
        raise ValueError(
            f"{table.where(name)} has dates, which cannot be predicted: turn them into a number, "
            "such as days from a first date"
        )
    return Quantity.fit(table, name, rows, holes, notation, log)


def codes_of(table: Table, names: Sequence[str], holes: Collection[str] = ()) -> Host:
    """The place (N,) of each row's class, or combination of classes, among the sorted ones."""
    each = [np.array(table.labels(name, holes), TEXT) for name in names]
    found, *others = (np.unique(texts, return_inverse=True)[1] for texts in each)
    for codes in others:
        pairs = found * (codes.max() + 1) + codes
        found = np.unique(pairs, return_inverse=True)[1]
    return np.asarray(found)

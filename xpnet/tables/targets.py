"""The targets to predict: named classes, or a standardised quantity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np

from xpnet.checks import without_nan
from xpnet.errors import quoted
from xpnet.files.jsonable import names_of, number_of, text_of
from xpnet.ranges import is_choice
from xpnet.tables.cells import TEXT
from xpnet.tables.columns import codes, levels, mean_and_scale, standardised
from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = ["TASKS", "Classes", "Quantity", "Target", "fit_target", "task_of"]

_FEW = 20  # most different whole numbers that may be classes
_ROWS = 5  # fewest rows of each of them on average


@dataclass(frozen=True)
class Classes:
    """The target of a classification; Y is the index of the class in ``classes``."""

    task: ClassVar[str] = "classification"
    loss: ClassVar[str] = "cross_entropy"
    name: str
    classes: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of outputs of the network."""
        return len(self.classes)

    @classmethod
    def fit(cls, table: Table, name: str, rows: Host | slice) -> Classes:
        """Collect the classes of the whole table; numbers are sorted by value, text as text."""
        found = levels(table, name)
        if len(found) == 1:
            raise ValueError(
                f"{table.where(name)} has one class, {quoted(min(found))}: a target needs two "
                "or more"
            )
        if table.is_text(name) or not _all_numbers(found):
            return cls(name, tuple(sorted(found)))
        classes = sorted(found, key=lambda text: (Decimal(text), text))
        for a, b in pairwise(classes):
            if Decimal(a) == Decimal(b):  # floats would merge integers beyond 2⁵³
                raise ValueError(
                    f"{table.where(name)}: the classes {quoted(a)} and {quoted(b)} are the same "
                    "number: write it in one way"
                )
        return cls(name, tuple(classes))

    def names(self) -> Host:
        """The classes as an array of text (K,)."""
        return np.array(self.classes, TEXT)

    def encode(self, table: Table) -> Host:
        """Encode the target of ``table`` as (N,) int64."""
        return codes(table, self.name, self.classes, "class", "classes")

    def predictions(self, outputs: Host) -> dict[str, Host]:
        """The most likely class, and a column of probabilities for each class."""
        found: dict[str, Host] = {"prediction": self.names()[without_nan(outputs).argmax(axis=1)]}
        return found | {f"probability_{k}": outputs[:, i] for i, k in enumerate(self.classes)}

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than task and name."""
        return {"classes": list(self.classes)}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Classes:
        """The target, from a dict of its ``name`` and its `settings`."""
        return cls(text_of(found, "name"), names_of(found, "classes", 2))


@dataclass(frozen=True)
class Quantity:
    """The target of a regression; Y is (y − mean) / scale."""

    task: ClassVar[str] = "regression"
    loss: ClassVar[str] = "mean_squared_error"
    width: ClassVar[int] = 1
    name: str
    mean: float
    scale: float

    @classmethod
    def fit(cls, table: Table, name: str, rows: Host | slice) -> Quantity:
        """Fit the mean and the standard deviation of the rows."""
        values = table.numbers(name)
        if values.min() == values.max():
            raise ValueError(
                f"{table.where(name)} is {float(values[0])!r} in every row: there is "
                "nothing to predict"
            )
        return cls(name, *mean_and_scale(table, name, rows))

    def encode(self, table: Table) -> Host:
        """Encode the target of ``table`` as (N, 1) float64."""
        return standardised(table, self.name, self.mean, self.scale)[:, None]

    def predictions(self, outputs: Host) -> dict[str, Host]:
        """The predicted quantity in the target's own unit, float64."""
        return {"prediction": outputs[:, 0].astype(np.float64) * self.scale + self.mean}

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than task and name."""
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Quantity:
        """The target, from a dict of its ``name`` and its `settings`."""
        return cls(text_of(found, "name"), number_of(found, "mean"), number_of(found, "scale", 0.0))


Target: TypeAlias = Classes | Quantity
TASKS: dict[str, type[Classes] | type[Quantity]] = {kind.task: kind for kind in (Classes, Quantity)}


def task_of(table: Table, name: str) -> tuple[str, str]:
    """Choose the task for a target column; return it and the reason in words.

    The task is classification for text, and for whole numbers with at most 20 different values,
    each in 5 rows or more on average; else regression.
    """
    if table.is_text(name):
        return "classification", "its cells are text"
    values = table.numbers(name)
    n = len(np.unique(values))
    if n <= min(_FEW, max(1, len(values) // _ROWS)) and bool((values == np.floor(values)).all()):
        return "classification", f"its cells are {n} different whole numbers"
    return "regression", f"its cells are {n} different numbers"


def fit_target(table: Table, name: str, task: str | None, rows: Host | slice) -> Target:
    """Fit the target for the given task, or for the one that `task_of` chooses."""
    chosen = task_of(table, name)[0] if task is None else task
    if not is_choice(chosen, TASKS):
        raise ValueError(f"task must be {' or '.join(map(repr, TASKS))}, got {quoted(task)}")
    return TASKS[chosen].fit(table, name, rows)


def _all_numbers(texts: set[str]) -> bool:
    try:
        return all(float(text) == float(text) for text in texts)
    except ValueError:
        return False

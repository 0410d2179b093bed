"""Weights of rows, from a column of the table, and of classes.

A row's weight counts in the fit, in the choice, in the temperature, in the intervals and in the
scores. A class's weight counts in the fit and in the choice only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpnet.errors import look_up, quoted
from xpnet.tables.notation import PLAIN
from xpnet.tables.several import AnyTarget
from xpnet.tables.table import Table
from xpnet.tables.targets import Classes, only
from xpnet.tables.truths import truths
from xpnet.training.class_weights import class_weights
from xpnet.typing import Host

__all__ = ["Weights", "row_weights", "weight_given", "without_weight_0"]

_LEAST = 1e-300  # of a weight, where the largest is about 1: no sum overflows, no ratio is infinite


def weight_given(weight: Any) -> str | None:
    """The name of the column of weights, or None; a TypeError for the weights themselves."""
    if weight is None or isinstance(weight, str):
        return weight
    got = type(weight).__name__ if hasattr(weight, "__len__") else quoted(weight)
    raise TypeError(
        f"weight must be given by its name, a str, got {got}: weights are a column of the table"
    )


def without_weight_0(
    table: Table, name: str, holes: Collection[str], tell: Callable[[str], None]
) -> Table:
    """The rows whose weight is not 0; the others would count for quantiles and categories."""
    there = _cells(table, name, holes) != 0
    if not there.any():
        raise ValueError(f"{table.where(name)} is 0 in every row, so that no row counts")
    return only(table, there, "the weight 0", tell)


def row_weights(table: Table, name: str, holes: Collection[str]) -> Host:
    """The column of weights (N,), checked to be positive numbers; only their ratios matter."""
    found = _cells(table, name, holes)
    wrong = np.flatnonzero(~(found > 0))
    if len(wrong):
        row, cell = int(wrong[0]), float(found[wrong[0]])
        missing = "the weight is missing: fill the cell or leave the row out"
        what = missing if cell != cell else f"{cell!r} is no weight: it is negative"
        raise table.error(row, name, what)
    return np.maximum(np.ldexp(found, -int(np.frexp(found.max())[1])), _LEAST)


def _cells(table: Table, name: str, holes: Collection[str]) -> Host:
    mask = _mask(table, name, holes)
    if mask is not None:
        return mask
    notation = table.notation(name, holes) or PLAIN
    if notation.kind == "date":
        raise ValueError(f"{table.where(name)} has dates, which are no weights")
    return table.quantities(name, notation, holes)


def _mask(table: Table, name: str, holes: Collection[str]) -> Host | None:
    """1 where a cell is true, 0 where it is false, NaN where it is missing; None for others."""
    if table.columns[name].dtype.kind == "f":
        return None
    cells = table.labels(name, holes)
    value = truths(set(cells))
    return np.array([value.get(cell, np.nan) for cell in cells], np.float64) if value else None


@dataclass(frozen=True)
class Weights:
    """How much rows and classes count.

    Attributes
    ----------
    column : str or None
        The column of the rows' weights.
    rows : (N,) or None
        The weights in that column.
    classes : "balanced", mapping of class to weight, or None
    """

    column: str | None = None
    rows: Host | None = None
    classes: Any = None

    def of(self, rows: Host) -> Host | None:
        """The weights of those rows (n,), without the classes'."""
        return None if self.rows is None else self.rows[rows]

    def with_classes(self, target: AnyTarget, Y: Host, train: Host, rows: Host) -> Host | None:
        """The weights of those rows (n,), times those of their classes, which ``train`` decides."""
        own = self.of(rows)
        if self.classes is None:
            return own
        if not isinstance(target, Classes):
            raise ValueError(
                f"{quoted(target.each[0].name)} is a quantity, so class_weight does not suit it: "
                "give weight, a column of weights (--weight)"
            )
        each = _of_classes(self.classes, target, Y[train], self.of(train))[Y[rows]]
        return each if own is None else each * own


def _of_classes(given: Any, target: Classes, Y: Host, weights: Host | None) -> Host:
    """The weight of each class (K,), for training rows with classes Y (n,) and weights (n,).

    "balanced" gives W / (K W_c), where W_c is the sum of the weights of class c, W that of all
    rows, and K the number of classes that occur. A class that does not occur has weight 1.
    """
    K = len(target.classes)
    if isinstance(given, Mapping):
        codes = {name: k for k, name in enumerate(target.classes)}
        given = {look_up("class", str(name), codes): weight for name, weight in given.items()}
    elif isinstance(given, str) and given == "balanced":
        sums = np.bincount(Y, weights, minlength=K)
        there = sums > 0
        return np.where(there, sums.sum() / (there.sum() * np.where(there, sums, 1)), 1.0)
    return class_weights(np.arange(K), given, K)

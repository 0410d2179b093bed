"""Variants of a table, named by an ending: all rows for training, or one spoiled training cell.

A spoiled cell should change the error by no more than its spread over splits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.tabular.sources import Table

__all__ = ["ALL_ROWS", "HOLE", "OUTLIER", "VARIANTS", "ends_with_variant", "spoiled"]

ALL_ROWS, OUTLIER, HOLE = " (all rows)", " (one outlier)", " (one hole)"
VARIANTS = (ALL_ROWS, OUTLIER, HOLE)

FACTOR = 1000.0
"""An outlier is that many times the largest magnitude of its column."""


def ends_with_variant(name: str) -> bool:
    """Whether this is the name of a variant."""
    return name.endswith(VARIANTS)


def spoiled(name: str, train: Table, target: str, text: Sequence[str], seed: int) -> Table:
    """Return the training rows of the table with this name: with the spoiled cell, if it has one.

    An outlier is in a column of numbers; if there is none, the rows stay as they are.
    """
    outlier = name.endswith(OUTLIER)
    left_out = {target, *(text if outlier else ())}
    columns = [i for i, column in enumerate(train.names) if column not in left_out]
    if not (outlier or name.endswith(HOLE)) or not columns:
        return train
    rng = np.random.default_rng([seed, *name.encode()])
    row, column = int(rng.integers(len(train.rows))), int(rng.choice(columns))
    rows = [list(cells) for cells in train.rows]
    rows[row][column] = _outlier([cells[column] for cells in rows]) if outlier else ""
    return Table(train.names, rows)


def _outlier(cells: Sequence[str]) -> str:
    largest = max((abs(float(cell)) for cell in cells if cell), default=0.0)
    return repr(FACTOR * (largest or 1.0))

"""The splits: fixed by a seed and the table's name, the same for every contender.

A fifth of the rows is the test. Of the others at most 10,000 are for training. Rows of classes are
drawn so that each class has its share, to within one row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "SMALL", "number_of_splits", "split"]

Rows = NDArray[np.int64]

SEED = 16
TEST = 0.2
MOST = 10_000  # training rows
SMALL = 5_000  # rows; smaller tables have more splits
SPLITS, SPLITS_OF_LARGE = 10, 3


def number_of_splits(n: int) -> int:
    """Return the number of splits of a table of n rows."""
    return SPLITS if n < SMALL else SPLITS_OF_LARGE


def split(
    name: str, number: int, n: int, labels: Sequence[str] | None, most: int | None = MOST
) -> tuple[Rows, Rows]:
    """Return the training and the test rows of a split of a table of n rows.

    Parameters
    ----------
    labels
        The classes of the rows, or None for regression.
    most
        The largest number of training rows; None for all.
    """
    rng = np.random.default_rng([SEED, number, *name.encode()])
    codes = np.zeros(n, dtype=np.int64)
    if labels is not None:
        codes = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
    test = _drawn(codes, np.arange(n), round(TEST * n), rng)
    others = np.setdiff1d(np.arange(n), test)
    train = others if most is None else _drawn(codes, others, min(most, len(others)), rng)
    return rng.permutation(train), rng.permutation(test)


def _drawn(codes: Rows, rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """Return ``count`` of the rows, each class with its share: every step-th of the sorted ones."""
    shuffled = rng.permutation(rows)
    in_order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    places = (np.arange(count) + rng.random()) * (len(rows) / count)
    return in_order[places.astype(np.int64)]

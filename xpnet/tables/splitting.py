"""Split rows into rows to train on and rows held out."""

from __future__ import annotations

import numpy as np

from xpnet.datasets import stratified_split
from xpnet.datasets.split import folds
from xpnet.equations.streams import SPLIT, permutation
from xpnet.errors import quoted
from xpnet.ranges import is_number, positive_integer
from xpnet.typing import Host

__all__ = ["folds", "held_out"]


def held_out(labels: Host | None, n: int, fraction: float, seed: int = 0) -> tuple[Host, Host]:
    """Draw the rows to hold out; return the indices of training and held-out rows, both sorted.

    Parameters
    ----------
    labels : (n,), optional
        Classes; the fraction is held out of each class. None: of all rows together.
    n : int
        Number of rows.
    fraction : float
        Fraction of rows to hold out, in [0, 1); 0 holds out none.
    seed : int
        Seed of the draw.

    Raises
    ------
    ValueError
        The fraction is out of range, or leaves one side without rows, or without rows of a class;
        or ``labels`` has the wrong shape.
    TypeError
        ``n`` is not an integer, or the fraction is not a number.
    """
    n = positive_integer("n, the number of rows,", n)
    if labels is not None and np.shape(labels) != (n,):
        raise ValueError(f"labels must be ({n},), one for each row, got shape {np.shape(labels)}")
    if not is_number(fraction):
        raise TypeError(f"the fraction of rows held out must be a number, got {quoted(fraction)}")
    if not 0 <= fraction < 1:
        raise ValueError(f"the fraction of rows held out must be in [0, 1), got {fraction}")
    if fraction == 0:
        return np.arange(n), np.arange(0)
    if labels is not None:
        return stratified_split(labels, float(fraction), seed)
    order = permutation(seed, SPLIT, (), n)
    held = round(fraction * n)
    if held in (0, n):
        raise ValueError(
            f"{n} rows are too few: a fraction of {fraction} leaves one side without any"
        )
    return np.sort(order[held:]), np.sort(order[:held])

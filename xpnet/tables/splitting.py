"""Rows to train on and rows held out."""

from __future__ import annotations

import numpy as np

from xpnet.checks import positive_integer
from xpnet.datasets import stratified_split
from xpnet.equations.streams import SPLIT, permutation
from xpnet.errors import quoted
from xpnet.ranges import is_number
from xpnet.tables.cells import Array

__all__ = ["held_out"]


def held_out(labels: Array | None, n: int, fraction: float, seed: int = 0) -> tuple[Array, Array]:
    """Indices of the rows to train on and of those held out, both sorted.

    Parameters
    ----------
    labels : (n,), optional
        Classes, of each of which the fraction is held out. None: of all rows.
    n : int
        Rows.
    fraction : float
        In [0, 1); with 0 no row is held out.
    seed : int
        Of the draw.

    Raises
    ------
    ValueError
        A fraction out of range, or one that leaves a class, or everything, without rows.
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

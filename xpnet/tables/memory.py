"""Refuse a training that would take more memory than the machine has, before it is allocated.

Systems promise memory that they do not have, and then end a program that uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.equations.parameters import machine_memory

__all__ = ["check_columns_fit", "check_memory"]

_SHARE = 0.5  # of the machine's memory; the table and the system need the rest
_COPIES = 8  # of the first layer's weights: θ, its gradient, AdamW's state, the best epoch, …
_EACH = 2  # columns of X for each of many columns, before any is fitted: a number has 1 or 3


def check_memory(rows: int, width: int, hidden: Sequence[Any], dtype: str) -> None:
    """Check that X (rows, width) and the training of the first layer fit into memory.

    Raises
    ------
    MemoryError
        They need more than half of the machine's memory.
    """
    size, there = 8 if dtype == "float64" else 4, machine_memory()
    units = next((n for n in hidden[:1] if isinstance(n, int)), 1)  # others are an error later
    X, weights = rows * width * size, _COPIES * width * units * size
    if there is not None and X + weights > _SHARE * there:
        raise MemoryError(
            f"the encoded table would have {width:,} columns. Its rows take {X / 1e9:.3g} GB and "
            f"training the first layer {weights / 1e9:.3g} GB, more than half of this machine's "
            f"{there / 1e9:.3g} GB: leave columns out (--ignore), or give fewer rows or a smaller "
            "--hidden"
        )


def check_columns_fit(rows: int, columns: int, hidden: Sequence[Any], dtype: str) -> None:
    """`check_memory` by the number of columns only, since many take minutes to fit."""
    check_memory(rows, _EACH * columns, hidden, dtype)

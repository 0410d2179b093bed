"""Show one entry of a weight's gradient as a dot product over the examples.

dW_l[i, j] = Σ_n dZ_l[n, i] A_k[n, j]
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from xpnet.errors import printable, quoted
from xpnet.explain.rows import Row
from xpnet.typing import Host

__all__ = ["Entry", "find_entry"]


class Entry(NamedTuple):
    """dW_l[i, j] and the terms that it sums.

    Attributes
    ----------
    symbol : str
        "dW_2[3, 5]".
    equation : str
    factors : tuple of str
        "dZ_2[n, 3]" and "A_1[n, 5]".
    dZ, A, products : (N,) arrays
        The factors in the dtype of the pass, and their products in float64.
    value : float
        The entry as the pass computed it: the sum of the products, up to rounding.
    """

    symbol: str
    equation: str
    factors: tuple[str, str]
    dZ: Host
    A: Host
    products: Host
    value: float


def find_entry(rows: Sequence[Row], entry: Any) -> Entry:
    """Return the entry (l, i, j): row i and column j of dW_l, counted from 0.

    Raises
    ------
    ValueError, TypeError
        If ``entry`` is not such a triple, or if there is no such layer, row or column.
    """
    l, i, j = _triple(entry)
    dW = _weight(rows, l)
    i, j = _place(dW, "row", i, 0), _place(dW, "column", j, 1)
    dZ_name, A_name = (operand.symbol.removesuffix("ᵀ") for operand in dW.operands)
    dZ, A = _values(rows, dZ_name)[:, i], _values(rows, A_name)[:, j]
    factors = f"{dZ_name}[n, {i}]", f"{A_name}[n, {j}]"
    with np.errstate(all="ignore"):
        products = dZ.astype(np.float64) * A
    name, value = f"{dW.symbol}[{i}, {j}]", float(dW.array[i, j])
    return Entry(name, f"{name} = Σ_n {' '.join(factors)}", factors, dZ, A, products, value)


def _triple(entry: Any) -> tuple[str, int, int]:
    try:
        l, i, j = entry
        return str(l), index(i), index(j)
    except (TypeError, ValueError):
        raise TypeError(
            "entry must be (l, i, j): the layer's number and the row and the column of its dW, as "
            f"in (1, 0, 5); got {quoted(entry)}"
        ) from None


def _weight(rows: Sequence[Row], l: str) -> Row:
    found = {row.symbol: row for row in rows if row.symbol.startswith("dW_")}
    if f"dW_{l}" not in found:
        raise ValueError(
            f"entry: there is no dW_{printable(l, 60)}; there are {', '.join(reversed(found))}"
        )
    return found[f"dW_{l}"]


def _place(dW: Row, what: str, at: int, axis: int) -> int:
    n = dW.shape[axis]
    if not 0 <= at < n:
        raise ValueError(
            f"entry: {dW.symbol} is {dW.shape[0]} × {dW.shape[1]}, so its {what} must lie in "
            f"0 … {n - 1}, got {at}"
        )
    return at


def _values(rows: Sequence[Row], symbol: str) -> Host:
    return next(row.array for row in rows if row.symbol == symbol)

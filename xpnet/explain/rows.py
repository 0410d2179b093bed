"""One evaluated equation as a row of data: what it says, what it costs, and what came out."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Array", "Layer", "Operand", "Parameter", "Row", "product_flops", "statistics"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Operand(NamedTuple):
    """What an equation reads: its symbol and its shape, transposed where the symbol is."""

    symbol: str
    shape: Shape


class Row(NamedTuple):
    """One equation of a pass.

    Attributes
    ----------
    number : int
        Its place in the order of computation, from 1.
    layer : str
        The layer's number, as in ``net.summary()``: "2", or "3.1" within a residual connection.
    direction : {"forward", "backward"}
    symbol : str
        What it computes, such as "dW_2".
    equation : str
        "dW_2 = dZ_2ᵀ A_1".
    operands : tuple of Operand
        What it reads.
    summed : str
        For a product of the first two operands, the axis that is summed over, which is the last of
        the one and the last but one of the other: "N", the examples, or "n_1", the width of A_1.
        Otherwise "".
    shape : tuple of int
        Of the result.
    flops : int or None
        2 m n k for a product of (m, k) and (k, n); 1 an entry for every other operation that the
        equation prints, such as the N n_l additions of b_l in Z_l. None where it cannot be told.
    bytes : int
        Every operand that the equation names read once and the result written once, in the
        network's dtype: the least that can be moved. 0 where it only gives a name to what is
        there, as A_0 = X does.
    seconds : float or None
        Of this one evaluation; None where it was computed together with a row beside it.
    mean, std, norm : float
        Mean, standard deviation and root of the sum of squares of the entries.
    array : numpy.ndarray
        The result itself, on the host, a copy.
    note : str
        What the equation leaves to be said.
    warnings : tuple of str
    """

    number: int
    layer: str
    direction: str
    symbol: str
    equation: str
    operands: tuple[Operand, ...]
    summed: str
    shape: Shape
    flops: int | None
    bytes: int
    seconds: float | None
    mean: float
    std: float
    norm: float
    array: Array
    note: str = ""
    warnings: tuple[str, ...] = ()


class Parameter(NamedTuple):
    """A layer's own parameter: its symbol and its values on the host."""

    symbol: str
    array: Array


class Layer(NamedTuple):
    """What stands above a layer's equations.

    Attributes
    ----------
    label : str
        Its number, as in ``net.summary()``.
    title : str
        Kind, widths and activation.
    kind, activation : str
        The activation's name is "" where there is none.
    parameters : tuple of Parameter
        Its own, without those of the layers within it.
    check : float or None
        The relative error of its gradient against differences; None where it was not checked.
    """

    label: str
    title: str
    kind: str
    activation: str
    parameters: tuple[Parameter, ...]
    check: float | None = None


def product_flops(a: Shape, b: Shape) -> int:
    """2 m n k for (..., m, k) times (..., k, n)."""
    lead = max(a[:-2], b[:-2], key=len)
    return 2 * prod(lead) * a[-2] * a[-1] * b[-1]


def statistics(array: Array) -> tuple[float, float, float]:
    """Mean, standard deviation and norm, in float64; NaN where an entry is not finite."""
    if array.size == 0:
        return 0.0, 0.0, 0.0
    with np.errstate(all="ignore"):
        x = array.astype(np.float64)
        return float(x.mean()), float(x.std()), float(np.sqrt((x * x).sum()))

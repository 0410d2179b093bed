"""One evaluated equation as a row of data: its text, its costs and its result."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from xpnet.typing import Host

__all__ = ["Layer", "Operand", "Parameter", "Row", "product_flops", "statistics"]

Shape = tuple[int, ...]


class Operand(NamedTuple):
    """One operand of an equation: its symbol and shape, transposed if the symbol is."""

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
        Symbol of the result, such as "dW_2".
    equation : str
        "dW_2 = dZ_2ᵀ A_1".
    operands : tuple of Operand
        Operands that it reads.
    summed : str
        If the equation multiplies its first two operands, the axis that is summed over: "N", the
        examples, or "n_1", the width of A_1. It is the last axis of the first operand and the last
        but one of the second. Otherwise "".
    shape : tuple of int
        Shape of the result.
    flops : int or None
        2 m n k for a product of (m, k) and (k, n), and 1 per entry for every other operation that
        the equation prints, such as the N n_l additions of b_l in Z_l. None if it is unknown.
    bytes : int
        Bytes to read every operand of the equation once and to write the result once, in the
        network's dtype: the least that can be moved. 0 if the equation only renames an array, as
        A_0 = X does.
    seconds : float or None
        Time of this evaluation; None if it was computed together with a neighbouring row.
    mean, std, norm : float
        Mean, standard deviation and root of the sum of squares of the entries.
    array : numpy.ndarray
        A copy of the result, on the host.
    note : str
        Remark on the equation.
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
    array: Host
    note: str = ""
    warnings: tuple[str, ...] = ()


class Parameter(NamedTuple):
    """A layer's own parameter: its symbol and its values on the host."""

    symbol: str
    array: Host


class Layer(NamedTuple):
    """A layer as shown above its equations.

    Attributes
    ----------
    label : str
        Its number, as in ``net.summary()``.
    title : str
        Kind, widths and activation.
    kind, activation : str
        Kind of layer and name of its activation, which is "" if there is none.
    parameters : tuple of Parameter
        The layer's own parameters, without those of the layers within it.
    check : float or None
        Relative error of its gradient against finite differences; None if it was not checked.
    """

    label: str
    title: str
    kind: str
    activation: str
    parameters: tuple[Parameter, ...]
    check: float | None = None


def product_flops(a: Shape, b: Shape) -> int:
    """Return the FLOPs of (..., m, k) times (..., k, n): 2 m n k, times the leading axes."""
    lead = max(a[:-2], b[:-2], key=len)
    return 2 * prod(lead) * a[-2] * a[-1] * b[-1]


def statistics(array: Host) -> tuple[float, float, float]:
    """Return mean, standard deviation and norm, in float64; 0 for an empty array.

    If an entry is not finite, they are infinite or NaN.
    """
    if array.size == 0:
        return 0.0, 0.0, 0.0
    with np.errstate(all="ignore"):
        x = array.astype(np.float64)
        return float(x.mean()), float(x.std()), float(np.sqrt((x * x).sum()))

"""Elementwise operations on recorded arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpnet.engines.graph.shapes import FLOATS, TraceError, broadcast, promote

if TYPE_CHECKING:
    from xpnet.engines.graph.nodes import Node

__all__ = [
    "FUNCTIONS",
    "OF_NUMPY",
    "OPERATORS",
    "VECTORISED",
    "binary",
    "cast",
    "is_number",
    "unary",
]

OPERATORS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "square": "{0} * {0}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    "bitwise_right_shift": "{0} >> {1}",
    "isnan": "{0} != {0}",
    "isfinite": "{0} - {0} == {0} - {0}",
    "same": "{0}",
}
"""Operations that are written alike in Python and C++, as expressions of their arguments."""

FUNCTIONS = {
    "abs": "fabs",
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "sqrt": "sqrt",
    "tanh": "tanh",
    "sin": "sin",
    "cos": "cos",
    "floor": "floor",
}
"""Functions of one number that compiled steps may use: the standard's name, and that in C.

In numba's loops, abs is Python's, and `VECTORISED` are ours. The others are `OF_NUMPY`.
"""

VECTORISED = ("exp", "expm1", "log1p", "tanh")
"""Functions that `xpnet.engines.loops.functions` writes for float32 and for float64."""

OF_NUMPY = tuple(name for name in FUNCTIONS if name not in ("abs", *VECTORISED))
"""Functions that are NumPy's in numba's loops, by the same name."""

_NOT_OF_BOOL = ("add", "subtract", "pow", "maximum", "minimum")
COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


def binary(op: str, a: Node, b: Node) -> Node:
    """Record an elementwise operation on two nodes, broadcast and promoted as in the standard."""
    shape, dtype = broadcast(a.shape, b.shape), promote(a.dtype, b.dtype)
    if op == "divide" and dtype not in FLOATS:
        raise TraceError("a division of integers")
    if dtype == "bool" and op in _NOT_OF_BOOL:
        raise TraceError(f"{op} of bool")
    result = "bool" if op in COMPARISONS else dtype
    return a.graph.add(op, (cast(a, dtype), cast(b, dtype)), shape, result)


def unary(op: str, x: Node, dtype: str | None = None) -> Node:
    """Record an elementwise operation on one node."""
    return x.graph.add(op, (x,), x.shape, dtype or x.dtype)


def cast(x: Node, dtype: str) -> Node:
    """Return x in that dtype; x itself if it has that dtype already."""
    if x.dtype == dtype:
        return x
    if x.op == "constant":
        value = bool(x.attr) if dtype == "bool" else x.attr
        return x.graph.add("constant", (), x.shape, dtype, value)
    if dtype == "weak" and not is_number(x):
        raise TraceError(
            f"an operation combines a floating-point number with an array of {x.dtype}"
        )
    if x.op == "cast" and x.args[0].op == "constant":
        return cast(x.args[0], dtype)
    return x.graph.add("cast", (x,), x.shape, dtype)


def is_number(node: Node) -> bool:
    """Whether the node is a number that the host can compute without reading any array."""
    if node.dtype == "bool":
        return bool(node.args) and all(is_number(arg) for arg in node.args)
    return node.dtype == "weak"

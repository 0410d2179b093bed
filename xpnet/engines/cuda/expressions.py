"""Write each elementwise operation as a CUDA C++ expression.

NaN is never hidden: max and min return NaN if either argument is NaN. Integers wrap around, because
they are added and multiplied as unsigned integers. A number of the host ("weak") is a double.
"""

from __future__ import annotations

import math
from typing import Any

from xpnet.engines.graph.nodes import Node
from xpnet.engines.graph.operations import FUNCTIONS, OPERATORS
from xpnet.engines.graph.shapes import FLOATS, TraceError

__all__ = ["COMBINE", "TYPES", "constant", "expression", "start_value", "type_of"]

TYPES = {"float32": "float", "int32": "int", "int64": "long long", "bool": "bool"}
"""Names of the dtypes in C++; all other dtypes are double."""

COMBINE = {"sum": "plus", "sum_rows": "plus", "max": "most", "min": "least"}
"""The function of two numbers that each reduction repeats (`xpnet.engines.cuda.source.HEAD`)."""

_FORMS = {
    **OPERATORS,
    "logical_not": "!{0}",
    "where": "{0} ? {1} : {2}",
    "maximum": "most({0}, {1})",
    "minimum": "least({0}, {1})",
}
_WRAPPING = ("add", "subtract", "multiply", "negative", "square")


def type_of(dtype: str) -> str:
    """Return a dtype's name in C++."""
    return TYPES.get(dtype, "double")


def constant(value: Any, dtype: str) -> str:
    """Return the C++ source of a number of that dtype."""
    kind = type_of(dtype)
    if dtype == "bool":
        return "true" if value else "false"
    if kind in ("int", "long long"):
        return f"({kind}){int(value)}LL"
    if math.isnan(value) or math.isinf(value):
        return f"({kind}){'not_a_number()' if math.isnan(value) else _infinity(value)}"
    return f"({kind}){float(value)!r}"


def _infinity(value: float) -> str:
    return f"({'-' if value < 0 else ''}infinity())"


def expression(node: Node, args: list[str]) -> str:
    """Return the expression of a node; ``args`` are names or numbers, without operations."""
    kind = type_of(node.dtype)
    if node.op == "cast":
        return f"{args[0]} != 0" if node.dtype == "bool" else f"({kind}){args[0]}"
    if node.op == "pow":
        return _power(node, args, kind)
    if node.op == "sign":
        return f"{args[0]} > 0 ? ({kind})1 : ({args[0]} < 0 ? ({kind})-1 : {args[0]})"
    if node.op == "abs" and node.dtype not in FLOATS:
        return f"{args[0]} < 0 ? -{args[0]} : {args[0]}"
    if node.op in FUNCTIONS:
        return f"{FUNCTIONS[node.op]}{'f' if kind == 'float' else ''}({args[0]})"
    if node.op not in _FORMS:
        raise TraceError(f"the operation {node.op}")
    if node.op in _WRAPPING and kind in ("int", "long long"):
        unsigned = [f"(unsigned {kind})({arg})" for arg in args]
        return f"({kind})({_FORMS[node.op].format(*unsigned)})"
    return _FORMS[node.op].format(*(f"({arg})" if arg.startswith("(") else arg for arg in args))


def _power(node: Node, args: list[str], kind: str) -> str:
    exponent = node.args[1]
    while exponent.op == "cast":
        exponent = exponent.args[0]
    if exponent.op == "constant" and exponent.attr == -1:
        return f"({kind})1 / {args[0]}"
    if exponent.op == "constant" and exponent.attr == 2:
        return f"{args[0]} * {args[0]}"
    if kind not in ("float", "double"):
        raise TraceError("a power of integers")
    return f"pow{'f' if kind == 'float' else ''}({args[0]}, {args[1]})"


def start_value(op: str, dtype: str) -> str:
    """Return the value that a reduction starts from."""
    if op in ("sum", "sum_rows"):
        return constant(0, dtype)
    if dtype not in FLOATS:
        raise TraceError(f"{op} of {dtype}")
    return constant(math.inf if op == "min" else -math.inf, dtype)

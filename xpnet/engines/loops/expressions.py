"""Writes each elementwise operation as an expression of Python scalars, for numba.

NaN is passed on: max and min return it if either argument is NaN.
"""

from __future__ import annotations

from xpnet.engines.graph.lengths import TYPES
from xpnet.engines.graph.nodes import Node
from xpnet.engines.graph.operations import FUNCTIONS, OPERATORS, VECTORISED
from xpnet.engines.graph.shapes import FLOATS, TraceError, same_length

__all__ = ["accumulate", "added", "expression", "start_value"]


_FORMS = {
    **OPERATORS,
    **{name: f"{name}({{0}})" for name in FUNCTIONS},
    **{name: f"{name}_{{kind}}({{0}})" for name in VECTORISED},
    "logical_not": "not {0}",
    "where": "{1} if {0} else {2}",
    "maximum": "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
    "minimum": "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
}


def expression(node: Node, args: list[str]) -> str:
    """Return a node's value as an expression of ``args``, each of which is a name or a number."""
    kind = TYPES.get(node.dtype, "f64")
    if node.op == "cast":
        return _cast(node, args[0])
    if node.op == "pow":
        return _power(node, args, kind)
    if node.op == "sign":
        one = f"{kind}(1.0)"
        return f"{one} if {args[0]} > 0 else (-{one} if {args[0]} < 0 else {args[0]})"
    if node.op not in _FORMS:
        raise TraceError(f"the operation {node.op}")
    text = _FORMS[node.op].format(*args, kind=kind)
    return f"{kind}({text})" if node.dtype in ("int32", "int64") else text


def _cast(node: Node, arg: str) -> str:
    kind = TYPES.get(node.dtype, "f64")
    if node.dtype == "bool":
        return f"{arg} != 0"
    if node.args[0].dtype == "bool" and node.dtype in FLOATS:
        return f"{kind}(1.0) if {arg} else {kind}(0.0)"
    return f"{kind}({arg})"


def _power(node: Node, args: list[str], kind: str) -> str:
    exponent = node.args[1]
    while exponent.op == "cast":
        exponent = exponent.args[0]
    if exponent.op == "constant" and exponent.attr == -1:
        return f"{kind}(1.0) / {args[0]}"
    if exponent.op == "constant" and exponent.attr == 2:
        return f"{args[0]} * {args[0]}"
    return f"{args[0]} ** {args[1]}"


def start_value(node: Node) -> str:
    """Return the number that a reduction along a row starts from.

    A sum over an array of a single row, such as θ, is in float64.
    """
    whole = node.op == "sum" and same_length(node.rows, 1)
    kind = "f64" if whole else TYPES[node.args[0].dtype]
    return {"sum": f"{kind}(0.0)", "min": f"{kind}(inf)"}.get(node.op, f"{kind}(-inf)")


def accumulate(node: Node, total: str, value: str) -> str:
    """Return the expression of a reduction's ``total`` with one more ``value``."""
    if node.op == "sum":
        return added(node, total, value)
    sign = "<" if node.op == "min" else ">"
    return f"{value} if ({value} {sign} {total}) | ({value} != {value}) else {total}"


def added(node: Node, total: str, value: str) -> str:
    """Return the expression of a sum's ``total`` with one more ``value``, in any order."""
    return f"plus({total}, {value})" if node.dtype in FLOATS else f"{total} + {value}"

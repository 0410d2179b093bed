"""Turn a graph into loops: plan when each node is computed, and which nodes are stored.

Products need their operands in memory, and a sum over rows is known only when all rows are done. So
each node gets a *time*. All elementwise operations and all sums along a row that have the same time
go into one loop over rows:

    time 0   one loop       time 1   products       time 2   one loop       …

The nodes of one time that have the same number of rows form a `Group`. A node is stored (gets a
buffer) if a different loop, a product or the caller needs it. A loop does not need a stored node if
it can cheaply recompute it from values in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xpnet.engines.graph.nodes import Node, Size, topological
from xpnet.engines.graph.operations import is_number
from xpnet.engines.graph.shapes import TraceError, same_length

__all__ = ["REDUCTIONS", "Group", "Plan", "domain", "is_fused", "plan"]

REDUCTIONS = ("sum", "max", "min", "argmax")
"""Operations that reduce a row to a single number; "sum_rows" sums over all rows instead."""

_VIEWS = ("view", "transpose", "concat")
_FREE = ("constant", "iota", "size")
_DEAR = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "pow", "divide", "sqrt")
_FEW = 4  # operations that are repeated rather than their result stored, at most
_MANY = 1000


@dataclass
class Group:
    """The nodes of one loop over rows: the stored ``targets``, and all computed nodes in order."""

    time: int
    rows: Any
    targets: list[Node] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


@dataclass
class Plan:
    """How the roots of a graph are computed.

    Attributes
    ----------
    nodes : list of Node
        All nodes, each after its arguments.
    order : list of Group or Node
        Groups and products, by time; a node is a product.
    times : dict
        The time of each node, by id; a view can be read from its time on.
    stored : set of ids
        The nodes that a loop computes and stores in a buffer.
    """

    nodes: list[Node]
    order: list[Any]
    times: dict[int, int]
    stored: set[int]


def plan(roots: Sequence[Node]) -> Plan:
    """Return the plan that computes the roots."""
    nodes = topological(roots)
    times = _times(nodes)
    stored = _stored(nodes, roots, times)
    groups = _groups(nodes, times, stored)
    products = [node for node in nodes if node.op == "matmul"]
    order: list[Any] = [*groups, *products]
    order.sort(key=lambda x: x.time if isinstance(x, Group) else times[id(x)])
    return Plan(nodes, order, times, stored)


def is_fused(node: Node) -> bool:
    """Whether the node is computed in a loop over rows."""
    return node.op not in (*_VIEWS, *_FREE, "matmul", "input") and not is_number(node)


def domain(node: Node) -> Any:
    """Return the number of rows of the loop that computes the node."""
    return node.args[0].rows if node.op == "sum_rows" else node.rows


def _same_loop(a: Node, b: Node) -> bool:
    return same_length(domain(a), domain(b))


def _times(nodes: list[Node]) -> dict[int, int]:
    times: dict[int, int] = {}
    costs: dict[int, int] = {}  # operations that compute each node from inputs only
    for node in nodes:
        costs[id(node)] = _cost(node, costs, in_memory=node.op == "input")
        waits = [times[id(arg)] + _wait(arg, node, costs) for arg in node.args]
        times[id(node)] = max(waits, default=0)
    return times


def _wait(arg: Node, node: Node, costs: dict[int, int]) -> int:
    """Return 1 if the argument must be complete before the node can begin, else 0."""
    if arg.op == "matmul":
        return 1
    if not is_fused(arg):
        return 0
    if is_fused(node) and costs[id(arg)] <= _FEW:
        return 0
    return 0 if is_fused(node) and arg.op != "sum_rows" and _same_loop(arg, node) else 1


def _cost(node: Node, costs: dict[int, int], in_memory: bool) -> int:
    """Count the operations that compute a node from memory; `_MANY` if one of them is expensive."""
    if in_memory or node.op in _FREE or is_number(node):
        return 0
    if node.op in (*_DEAR, *REDUCTIONS, "sum_rows") or not is_fused(node):
        return _MANY
    if node.op == "take":
        return 1 if node.columns == 1 else _MANY
    return min(1 + sum(costs[id(arg)] for arg in node.args), _MANY)


def _stored(nodes: list[Node], roots: Sequence[Node], times: dict[int, int]) -> set[int]:
    users: dict[int, list[Node]] = {id(node): [] for node in nodes}
    for node in nodes:
        for arg in node.args:
            users[id(arg)].append(node)
    stored = {id(root) for root in roots if is_fused(root)}
    costs: dict[int, int] = {}
    for node in nodes:
        costs[id(node)] = _cost(node, costs, in_memory=not is_fused(node) or id(node) in stored)
        if _needs_buffer(node, users[id(node)], times, costs[id(node)]):
            stored.add(id(node))
            costs[id(node)] = 0
    return stored


def _needs_buffer(node: Node, users: list[Node], times: dict[int, int], cost: int) -> bool:
    if not is_fused(node):
        return False
    if node.op == "sum_rows" or not all(map(is_fused, users)):
        return True
    elsewhere = any(
        times[id(user)] != times[id(node)] or not _same_loop(node, user) for user in users
    )
    return elsewhere and cost > _FEW


def _groups(nodes: list[Node], times: dict[int, int], stored: set[int]) -> list[Group]:
    groups: dict[Any, Group] = {}
    for node in nodes:
        if id(node) in stored:
            rows = domain(node)
            key = times[id(node)], id(rows) if isinstance(rows, Size) else rows
            groups.setdefault(key, Group(times[id(node)], rows)).targets.append(node)
    for group in groups.values():
        _fill(group, stored)
    return list(groups.values())


def _fill(group: Group, stored: set[int]) -> None:
    """Fill the group with its targets and all nodes they need that are not stored elsewhere."""
    own = {id(node) for node in group.targets}
    done: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) in done or not is_fused(node) or (id(node) in stored and id(node) not in own):
            return
        done.add(id(node))
        for arg in node.args:
            visit(arg)
        if not any(same_length(domain(node), n) for n in (1, group.rows)):
            raise TraceError("one operation combines arrays with different numbers of rows")
        group.nodes.append(node)

    for node in group.targets:
        visit(node)

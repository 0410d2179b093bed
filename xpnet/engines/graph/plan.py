"""From a graph to loops: what is computed when, and what is kept in memory.

Products need their operands in memory, and a sum over rows is known only when all rows are done. So
nodes fall into *times*, and between two times everything elementwise, and every sum along a row,
goes into one loop over rows:

    time 0   one loop       time 1   products       time 2   one loop       …

The nodes of one time with as many rows form a `Group`. A node is stored (has a buffer) where
another loop, a product or the caller needs it; one that is cheap to compute from what is in memory
anyway is computed again instead.
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
"""Operations along a row, of which a scalar comes; "sum_rows" goes over all rows."""

_VIEWS = ("view", "transpose", "concat")
_FREE = ("constant", "iota", "size")
_DEAR = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "pow", "divide", "sqrt")
_FEW = 4  # so many operations are rather repeated than their result stored
_MANY = 1000


@dataclass
class Group:
    """What one loop over rows computes: nodes that others need, and all on the way, in order."""

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
        All, each behind its arguments.
    order : list of Group or Node
        By time; a node stands for a product.
    times : dict
        By a node's id; that of a view is when it can be looked at.
    stored : set of ids
        The fused nodes with a buffer.
    """

    nodes: list[Node]
    order: list[Any]
    times: dict[int, int]
    stored: set[int]


def plan(roots: Sequence[Node]) -> Plan:
    """The plan by which the roots are computed."""
    nodes = topological(roots)
    times = _times(nodes)
    stored = _stored(nodes, roots, times)
    groups = _groups(nodes, times, stored)
    products = [node for node in nodes if node.op == "matmul"]
    order: list[Any] = [*groups, *products]
    order.sort(key=lambda x: x.time if isinstance(x, Group) else times[id(x)])
    return Plan(nodes, order, times, stored)


def is_fused(node: Node) -> bool:
    """Whether it is computed in a loop over rows."""
    return node.op not in (*_VIEWS, *_FREE, "matmul", "input") and not is_number(node)


def domain(node: Node) -> Any:
    """How many rows the loop has that computes it."""
    return node.args[0].rows if node.op == "sum_rows" else node.rows


def _same_loop(a: Node, b: Node) -> bool:
    return same_length(domain(a), domain(b))


def _times(nodes: list[Node]) -> dict[int, int]:
    times: dict[int, int] = {}
    costs: dict[int, int] = {}  # of computing a node from inputs alone
    for node in nodes:
        costs[id(node)] = _cost(node, costs, in_memory=node.op == "input")
        waits = [times[id(arg)] + _wait(arg, node, costs) for arg in node.args]
        times[id(node)] = max(waits, default=0)
    return times


def _wait(arg: Node, node: Node, costs: dict[int, int]) -> int:
    """1 where the argument must be complete before the node can begin."""
    if arg.op == "matmul":
        return 1
    if not is_fused(arg):
        return 0
    if is_fused(node) and costs[id(arg)] <= _FEW:
        return 0
    return 0 if is_fused(node) and arg.op != "sum_rows" and _same_loop(arg, node) else 1


def _cost(node: Node, costs: dict[int, int], in_memory: bool) -> int:
    """Operations to compute it from what is in memory; many where one of them is dear."""
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
    """Every node that the targets need and nobody stores."""
    own = {id(node) for node in group.targets}
    done: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) in done or not is_fused(node) or (id(node) in stored and id(node) not in own):
            return
        done.add(id(node))
        for arg in node.args:
            visit(arg)
        if not any(same_length(domain(node), n) for n in (1, group.rows)):
            raise TraceError("arrays of different numbers of rows meet in one operation")
        group.nodes.append(node)

    for node in group.targets:
        visit(node)

"""Assign the nodes of a loop over rows to slots, and describe how each node reads its arguments.

Even slots are loops over columns. Odd slots, from −1 on, compute single numbers of the row
(`xpnet.engines.loops.loop`).
"""

from __future__ import annotations

from typing import Any

from xpnet.engines.graph.nodes import Node, Size
from xpnet.engines.graph.plan import REDUCTIONS, Group
from xpnet.engines.graph.shapes import TraceError, same_length

__all__ = [
    "columns_slot",
    "is_row",
    "kept_of",
    "key_of",
    "length_of",
    "read_of",
    "slots_of",
    "walks",
]


def is_row(node: Node) -> bool:
    """Whether the node has one entry per row."""
    return same_length(node.columns, 1)


def slots_of(group: Group) -> dict[int, int]:
    """Return the first slot in which each node can be computed, by id."""
    slots: dict[int, int] = {}
    for node in group.nodes:
        slots[id(node)] = _slot(node, slots)
    return slots


def _slot(node: Node, slots: dict[int, int]) -> int:
    if node.op == "sum_rows":
        (arg,) = node.args
        return slots.get(id(arg), -1 if is_row(arg) else 0)
    if node.op in REDUCTIONS:
        return max(slots.get(id(node.args[0]), 0), 0) + 1  # also if the row has one entry
    slot = -1 if is_row(node) else 0
    for arg in node.args:
        if id(arg) in slots:
            found = slots[id(arg)]
            slot = max(slot, found + 1 if is_row(arg) and not is_row(node) else found)
    return slot


def columns_slot(node: Node, slots: dict[int, int]) -> int:
    """Return the slot in which a node reads its arguments; a reduction ends one slot later."""
    return slots[id(node)] - (node.op in REDUCTIONS)


def kept_of(group: Group, slots: dict[int, int]) -> set[int]:
    """Return the ids of nodes of several columns that a later loop over columns reads again."""
    kept = set()
    for node in group.nodes:
        for arg in node.args:
            if id(arg) not in slots or is_row(arg):
                continue
            if slots[id(arg)] != columns_slot(node, slots):
                kept.add(id(arg))
            elif not same_length(arg.columns, length_of(node)):
                raise TraceError("one operation combines arrays with different numbers of columns")
    return kept


def read_of(node: Node) -> tuple[Node, ...]:
    """Return the arguments that a node reads at its own row and column."""
    return node.args[1:] if node.op == "take" else node.args


def walks(node: Node) -> bool:
    """Whether the node is computed in a loop over columns."""
    return not is_row(node) or node.op in REDUCTIONS


def length_of(node: Node) -> Any:
    """Return the number of columns over which the node is computed."""
    return node.args[0].columns if node.op in REDUCTIONS else node.columns


def key_of(length: Any) -> Any:
    """Return a key that is the same for equal lengths."""
    return id(length) if isinstance(length, Size) else length

"""Where the values of a loop lie: a slot for each node, and what a node reads and walks along."""

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
    """Whether it has one entry a row."""
    return same_length(node.columns, 1)


def slots_of(group: Group) -> dict[int, int]:
    """The first slot in which each node can be computed, by id."""
    slots: dict[int, int] = {}
    for node in group.nodes:
        slots[id(node)] = _slot(node, slots)
    return slots


def _slot(node: Node, slots: dict[int, int]) -> int:
    if node.op == "sum_rows":
        (arg,) = node.args
        return slots.get(id(arg), -1 if is_row(arg) else 0)
    if node.op in REDUCTIONS:
        return max(slots.get(id(node.args[0]), 0), 0) + 1  # also along a row of one number
    slot = -1 if is_row(node) else 0
    for arg in node.args:
        if id(arg) in slots:
            found = slots[id(arg)]
            slot = max(slot, found + 1 if is_row(arg) and not is_row(node) else found)
    return slot


def columns_slot(node: Node, slots: dict[int, int]) -> int:
    """The loop over columns in which a node reads its arguments."""
    return slots[id(node)] - (node.op in REDUCTIONS)


def kept_of(group: Group, slots: dict[int, int]) -> set[int]:
    """Nodes of several columns that a later loop over columns reads again."""
    kept = set()
    for node in group.nodes:
        for arg in node.args:
            if id(arg) not in slots or is_row(arg):
                continue
            if slots[id(arg)] != columns_slot(node, slots):
                kept.add(id(arg))
            elif not same_length(arg.columns, length_of(node)):
                raise TraceError("arrays of different numbers of columns meet in one operation")
    return kept


def read_of(node: Node) -> tuple[Node, ...]:
    """The arguments of which an entry is read at this place."""
    return node.args[1:] if node.op == "take" else node.args


def walks(node: Node) -> bool:
    """Whether it is done in a loop over columns."""
    return not is_row(node) or node.op in REDUCTIONS


def length_of(node: Node) -> Any:
    """How many columns it is done for."""
    return node.args[0].columns if node.op in REDUCTIONS else node.columns


def key_of(length: Any) -> Any:
    """What equal lengths have in common."""
    return id(length) if isinstance(length, Size) else length

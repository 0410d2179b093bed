"""Assign memory to every array of a program.

The inputs are ``a0, a1, …`` and the buffers ``b0, b1, …``. Views of either are ``v0, v1, …``, which
are made once, before the steps. If a result is the new value of an input, it is written over that
input, provided that nothing reads the old value afterwards. Otherwise it is copied there at the end
of the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from xpnet.engines.graph.nodes import Node, Size, is_scalar, same_plane
from xpnet.engines.graph.plan import Group, Plan, is_fused
from xpnet.engines.graph.shapes import TraceError, same_length
from xpnet.engines.graph.slots import slots_of

__all__ = ["Buffer", "Memory", "View", "arrange", "one_axis"]


@dataclass
class Buffer:
    """A work array: its dtype, and its shape with None for the number of examples."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class View:
    """Some columns of an array, in a different shape if ``shape`` is given.

    Attributes
    ----------
    place : str
        The variable of the array.
    columns : (start, stop), int or None
        Along the array's last axis; an int is a single column, whose axis is left out. None: all.
    axis : int
        The last axis of the array.
    shape : tuple of int, or None
    """

    place: str
    columns: tuple[int, int] | int | None = None
    axis: int = 0
    shape: tuple[int, ...] | None = None

    def of(self, x: Any) -> Any:
        """Return the view of that array."""
        if self.columns is not None:
            part = self.columns if isinstance(self.columns, int) else slice(*self.columns)
            x = x[(slice(None),) * self.axis + (part,)]
        return x if self.shape is None else x.reshape(self.shape)


@dataclass
class Memory:
    """The arrays of a program.

    Attributes
    ----------
    places : dict of id to str
        The variable of each node that is in memory.
    buffers : list of Buffer
    views : list of View
        v0, v1, …; one may be of an earlier one.
    leading : dict of id to int
        Distance between two rows, in entries, for a node that lies in a wider array.
    copies : list of (str, str, Node)
        Copies at the end of a step: the variable written, the variable read, the input's node.
    """

    places: dict[int, str] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    leading: dict[int, int] = field(default_factory=dict)
    copies: list[tuple[str, str, Node]] = field(default_factory=list)

    def find(self, node: Node) -> str:
        """Return the variable of a node; raise TraceError if it has none."""
        if id(node) not in self.places:
            raise TraceError(f"{node} is used in a way that compiled steps do not support")
        return self.places[id(node)]

    def buffer(self, node: Node) -> str:
        """Make a buffer for the node and return its variable."""
        if isinstance(node.columns, Size):
            raise TraceError("an array has the examples along its last axis")
        rows = None if isinstance(node.rows, Size) else node.rows
        shape: tuple[int | None, ...] = (rows, node.columns)
        if one_axis(node):
            shape = (node.columns,) if rows == 1 else (rows,)
        self.buffers.append(Buffer(shape, node.dtype))
        return f"b{len(self.buffers) - 1}"

    def view(self, view: View) -> str:
        """Return the variable of a view: its array's if it is all of it, in the same shape."""
        if view.columns is None and view.shape is None:
            return view.place
        self.views.append(view)
        return f"v{len(self.views) - 1}"


def arrange(plan: Plan, inputs: dict[str, Node], changed: dict[str, Node]) -> Memory:
    """Return the memory of a planned step whose ``changed`` inputs get new values."""
    memory = Memory()
    for k, node in enumerate(inputs.values()):
        memory.places[id(node)] = f"a{k}"
    for name, node in changed.items():
        if _can_replace(plan, memory, inputs[name], node):
            memory.places[id(node)] = memory.places[id(inputs[name])]
        elif is_scalar(node) and id(node) not in memory.places:  # a result needs memory
            memory.places[id(node)] = memory.buffer(node)
    for node in reversed(plan.nodes):
        if node.op == "concat":
            _place_parts(memory, node)
    for node in plan.nodes:
        if id(node) not in memory.places:
            _place(plan, memory, node)
    for name, node in changed.items():
        old, new = memory.find(inputs[name]), memory.find(node)
        if old != new:
            memory.copies.append((old, new, inputs[name]))
    return memory


def _place_parts(memory: Memory, whole: Node) -> None:
    """Place the parts of a concatenation inside it, so that they are computed in place."""
    if id(whole) not in memory.places:
        memory.places[id(whole)] = memory.buffer(whole)
    start = 0
    for part in whole.args:
        stop = start + part.columns
        base = part.args[0] if part.op == "view" else part
        view = _columns(memory.places[id(whole)], whole, start, stop)
        if one_axis(whole):
            view = replace(view, shape=_shape(part, base))
        else:
            memory.leading[id(base)] = memory.leading.get(id(whole), whole.columns)
        memory.places[id(base)] = memory.view(view)
        start = stop


def _place(plan: Plan, memory: Memory, node: Node) -> None:
    if node.op == "view":
        (base,), (kind, *how) = node.args, node.attr
        place = memory.find(base)
        if kind == "reshape":
            if id(base) in memory.leading:
                raise TraceError("a reshape of some columns of a wider array")
            view = View(place, shape=_shape(base, node))
        else:
            view = _columns(place, base, how[0], how[-1] if how[1:] else how[0] + 1)
            if not one_axis(base):
                memory.leading[id(node)] = memory.leading.get(id(base), base.columns)
        memory.places[id(node)] = memory.view(view)
    elif node.op == "matmul" or (id(node) in plan.stored and not _is_variable(plan, node)):
        memory.places[id(node)] = memory.buffer(node)


def _is_variable(plan: Plan, node: Node) -> bool:
    """Whether only loops read the node, a single number, so that it needs no memory."""
    users = (user for user in plan.nodes if any(arg is node for arg in user.args))
    return is_scalar(node) and all(map(is_fused, users))


def _columns(place: str, base: Node, start: int, stop: int) -> View:
    """Return the columns of ``base``, whose array is ``place``."""
    if one_axis(base):
        return View(place, (start, stop))
    return View(place, start if stop == start + 1 else (start, stop), axis=1)


def _shape(base: Node, node: Node) -> tuple[int, ...] | None:
    """Return the shape in memory of ``node``, a reshaped ``base``; None if that of ``base``."""
    if one_axis(node):
        return None if one_axis(base) else (node.rows * node.columns,)
    return None if same_plane(base, node) else (node.rows, node.columns)


def one_axis(node: Node) -> bool:
    """Whether the node has one axis in memory, because it is a single row or column."""
    return same_length(node.rows, 1) or same_length(node.columns, 1)


# --- results written over inputs


def _can_replace(plan: Plan, memory: Memory, old: Node, new: Node) -> bool:
    """Whether nothing reads the old value after the new one is written over it."""
    fused = is_fused(new) and new.op != "sum_rows" and id(new) in plan.stored
    if not fused or id(new) in memory.places or id(new) in new.graph.parts:
        return False
    time = plan.times[id(new)]
    return all(
        when < time or (when == time and group is not None and _reads_first(group, old, new))
        for when, group in _readings(plan, old)
    )


def _readings(plan: Plan, old: Node) -> Iterator[tuple[int, Group | None]]:
    """Yield each time an array or a part of it is read, with the loop; None for a product."""
    views = {id(old)}
    for node in plan.nodes:
        if node.op in ("view", "transpose") and id(node.args[0]) in views:
            views.add(id(node))
    for item in plan.order:
        group = item if isinstance(item, Group) else None
        for node in item.nodes if isinstance(item, Group) else [item]:
            if any(id(arg) in views for arg in node.args):
                yield (item.time if isinstance(item, Group) else plan.times[id(item)]), group


def _reads_first(group: Group, old: Node, new: Node) -> bool:
    """Whether the loop reads each old entry before it writes the new one, and never afterwards."""
    order = [id(node) for node in group.nodes]
    if id(new) not in order:
        return False
    slots = slots_of(group)
    readers = [node for node in group.nodes if id(old) in map(id, node.args)]
    parts = [node for node in group.nodes for arg in node.args if _is_part(arg, old)]
    if parts or not readers or any(slots[id(node)] > slots[id(new)] for node in readers):
        return False
    beside = [order.index(id(node)) for node in readers if slots[id(node)] == slots[id(new)]]
    return not beside or min(beside) <= order.index(id(new))


def _is_part(node: Node, whole: Node) -> bool:
    while node.op in ("view", "transpose"):
        node = node.args[0]
        if node is whole:
            return True
    return False

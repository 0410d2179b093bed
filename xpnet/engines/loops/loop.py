"""Writes the loop over the rows of one group.

A sum along a row is known only when all columns of the row are done. So a row is a sequence of
slots: even slots are loops over columns, odd slots are single numbers.

    slot −1  numbers of the row        slot 0  for j: …        slot 1  sums of slot 0, and numbers
    slot 2   for j: …, with those      …
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xpnet.engines.graph.lengths import TYPES
from xpnet.engines.graph.nodes import Node
from xpnet.engines.graph.operations import is_number
from xpnet.engines.graph.plan import REDUCTIONS, Group, is_fused
from xpnet.engines.graph.shapes import same_length
from xpnet.engines.loops.expressions import accumulate, added, expression, start_value

if TYPE_CHECKING:
    from xpnet.engines.loops.source import Writer
from xpnet.engines.graph.slots import (
    columns_slot,
    is_row,
    kept_of,
    key_of,
    length_of,
    read_of,
    slots_of,
    walks,
)

__all__ = ["Loop"]  # fmt: skip


class Loop:
    """Writes the computations of one row, which may be the only row of a group."""

    def __init__(self, writer: Writer, group: Group) -> None:
        self.writer, self.group = writer, group
        self.own = {id(node) for node in group.nodes}
        self.slots = slots_of(group)
        self.kept = kept_of(group, self.slots)
        self.read: set[str] = set()  # names defined so far

    def write(self) -> None:
        """Write all slots in order."""
        nodes = self.group.nodes
        for slot in range(-1, max(self.slots.values()) + 1):
            if slot % 2:
                self._write_numbers(slot)
                continue
            here = [n for n in nodes if columns_slot(n, self.slots) == slot and walks(n)]
            lengths = {key_of(length_of(n)): length_of(n) for n in here}
            for key, length in lengths.items():
                self._write_columns(length, [n for n in here if key_of(length_of(n)) == key])

    # --- single numbers

    def _write_numbers(self, slot: int) -> None:
        for node in self.group.nodes:
            if self.slots[id(node)] != slot or walks(node):
                continue
            args = [self._row_value(arg) for arg in read_of(node)]
            name = self.writer.names[id(node)]
            if node.op == "sum_rows":
                self.writer.write(f"{name}s = {added(node, f'{name}s', args[0])}")
                continue
            self.writer.write(f"{name} = {self._expression(node, args)}")
            self._store(node, name)

    def _expression(self, node: Node, args: list[str]) -> str:
        if node.op == "take":
            column = "" if is_row(node) else ", j"
            return f"{self.writer.memory.find(node.args[0])}[{args[0]}{column}]"
        return expression(node, args)

    def _store(self, node: Node, name: str) -> None:
        place = self.writer.places.get(id(node))
        if place is not None and id(node) in self.own and id(node) in self.writer.plan.stored:
            self.writer.write(f"{place}[{self._index(node)}] = {name}")

    def _index(self, node: Node) -> str:
        """Return the index of a node's entry in the current row and column."""
        one_row = same_length(node.rows, 1)
        if is_row(node):
            return "0" if one_row else "i"
        return "j" if one_row else "i, j"

    def _stored(self, node: Node) -> str:
        """Return the expression of a node's entry in memory."""
        if node.op == "transpose" and not is_row(node) and not is_row(node.args[0]):
            return f"{self.writer.memory.find(node.args[0])}[j, i]"
        base = node.args[0] if node.op == "transpose" else node
        return f"{self.writer.memory.find(base)}[{self._index(node)}]"

    def _row_value(self, node: Node) -> str:
        """Return a single number's name or literal, after reading it from memory if necessary."""
        if node.op == "constant":
            return self.writer.numbers.constant(node.attr, node.dtype)
        if is_number(node):
            return self.writer.value(node)
        if node.op == "iota":
            return f"{TYPES[node.dtype]}({'0' if same_length(node.rows, 1) else 'i'})"
        name = self.writer.names[id(node)]
        if id(node) in self.own or (is_fused(node) and id(node) not in self.writer.places):
            return name
        if f"{name}r" not in self.read:
            self.writer.write(f"{name}r = {self._stored(node)}")
            self.read.add(f"{name}r")
        return f"{name}r"

    # --- loops over columns

    def _write_columns(self, length: Any, nodes: list[Node]) -> None:
        writer = self.writer
        for node in nodes:
            for arg in read_of(node):
                if is_row(arg):
                    self._row_value(arg)
            if node.op in REDUCTIONS:
                self._start(node)
        writer.write(f"for j in range({writer.columns(length)}):")
        writer.depth += 1
        known: dict[int, str] = {}
        for node in nodes:
            self._write_entry(node, known)
        writer.depth -= 1
        for node in nodes:
            if node.op in REDUCTIONS:
                self._finish(node)

    def _write_entry(self, node: Node, known: dict[int, str]) -> None:
        writer, name = self.writer, self.writer.names[id(node)]
        args = [self._entry(arg, known) for arg in read_of(node)]
        if node.op == "sum_rows":
            writer.write(f"{name}s[j] += {args[0]}")
        elif node.op == "argmax":
            later = f"({args[0]} > {name}m) | (({args[0]} != {args[0]}) & ({name}m == {name}m))"
            writer.write(f"if {later}:  # the first NaN, where there is one")
            writer.write(f"    {name}m = {args[0]}")
            writer.write(f"    {name}s = i64(j)")
        elif node.op in REDUCTIONS:
            writer.write(f"{name}s = {accumulate(node, f'{name}s', args[0])}")
        else:
            writer.write(f"{name} = {self._expression(node, args)}")
            known[id(node)] = name
            self._store(node, name)
            if id(node) in self.kept and id(node) not in writer.places:
                writer.rows[f"{name}v"] = node.columns, node.dtype
                writer.write(f"{name}v[j] = {name}")

    def _entry(self, node: Node, known: dict[int, str]) -> str:
        """Return the name of a node's entry in this column, after reading it if necessary."""
        if is_row(node) or node.op == "constant" or is_number(node):
            return self._row_value(node)
        if node.op == "iota":
            return f"{TYPES[node.dtype]}(j)"
        if id(node) not in known:
            name = self.writer.names[id(node)]
            kept = id(node) in self.own and id(node) not in self.writer.places
            self.writer.write(f"{name}x = {f'{name}v[j]' if kept else self._stored(node)}")
            known[id(node)] = f"{name}x"
        return known[id(node)]

    def _start(self, node: Node) -> None:
        name = self.writer.names[id(node)]
        if node.op == "argmax":
            self.writer.write(f"{name}m = {start_value(node)}")
            self.writer.write(f"{name}s = i64(0)")
        else:
            self.writer.write(f"{name}s = {start_value(node)}")

    def _finish(self, node: Node) -> None:
        name = self.writer.names[id(node)]
        self.writer.write(f"{name} = {TYPES[node.dtype]}({name}s)")
        self._store(node, name)

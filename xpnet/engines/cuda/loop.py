"""Write the code of a kernel's threads, which share the slots of `xpnet.engines.loops.loop`.

There are three kinds of kernels. They differ in the thread that computes column j of row i:

    rows     one warp per row; its lanes stride over the columns      has sums along rows
    tiles    one lane per column; warps stride over the rows          at most sums over rows
    flat     a single row; all threads of the grid stride over it     one kernel per slot of columns

In each kind, an entry (i, j) that a later slot reads again is read by the thread that computed it.
"""

from __future__ import annotations

from typing import Any

from xpnet.engines.cuda.expressions import COMBINE, expression, start_value, type_of
from xpnet.engines.cuda.source import Kernel
from xpnet.engines.graph.nodes import Node
from xpnet.engines.graph.operations import is_number
from xpnet.engines.graph.plan import REDUCTIONS, Group, is_fused
from xpnet.engines.graph.shapes import same_length
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

__all__ = ["Body"]


class Body:
    """Writes the slots of one group; a subclass for each kind of kernel defines the loops.

    A subclass defines the following. `walk` and `leave` begin and end a loop over columns.
    `stores_number` is the condition under which a thread stores a number of its row. `keep` returns
    the variable that keeps an entry for a later slot. `add` and `finish_reduction` turn entries
    into sums.
    """

    stores_number: str | None = "threadIdx.x == 0"

    def __init__(self, kernel: Kernel, group: Group) -> None:
        self.kernel, self.group = kernel, group
        self.layout = kernel.layout
        self.slots = slots_of(group)
        self.kept = kept_of(group, self.slots)
        self.read: set[str] = set()  # numbers of the row that are already read from memory

    # --- differences between kinds of kernels

    def walk(self, length: Any) -> None:
        """Begin a loop over columns."""
        raise NotImplementedError

    def leave(self) -> None:
        """End a loop over columns."""
        self.kernel.write("}")

    def keep(self, node: Node) -> str:
        """Return the variable that keeps an entry for a later slot."""
        raise NotImplementedError

    def type_of_sum(self, node: Node) -> str:
        """Return the type in which a reduction along the row accumulates."""
        return type_of(node.args[0].dtype)

    def add(self, node: Node, value: str) -> None:
        """Add a value to a sum over rows."""
        raise NotImplementedError

    def finish_reduction(self, node: Node) -> None:
        """Combine the partial results of a row's threads into one number."""
        raise NotImplementedError

    # --- slots

    def columns(self, slot: int) -> None:
        """Write the loops over columns of a slot, one for each length."""
        here = [n for n in self.group.nodes if columns_slot(n, self.slots) == slot and walks(n)]
        for key, length in {key_of(length_of(n)): length_of(n) for n in here}.items():
            self._loop(length, [n for n in here if key_of(length_of(n)) == key])

    def numbers(self, slot: int) -> None:
        """Write the numbers of the row that a slot computes."""
        for node in self.group.nodes:
            if self.slots[id(node)] != slot or walks(node):
                continue
            args = [self.row_value(arg) for arg in read_of(node)]
            if node.op == "sum_rows":
                self.add(node, args[0])
            else:
                self._declare(node, args)
                self.store_number(node)

    def store_number(self, node: Node) -> None:
        """Write code by which one thread stores a number, if a different loop needs it."""
        if id(node) in self.layout.plan.stored and self.stores_number is not None:
            name = self.kernel.name_of(node)
            self.kernel.write(f"if ({self.stores_number}) {self.kernel.entry(node)} = {name};")

    def _loop(self, length: Any, nodes: list[Node]) -> None:
        for node in nodes:
            for arg in read_of(node):
                if is_row(arg):
                    self.row_value(arg)
            if node.op in REDUCTIONS:
                self._start(node)
        self.walk(length)
        known: dict[int, str] = {}
        for node in nodes:
            self._entry(node, known)
        self.leave()
        for node in nodes:
            if node.op in REDUCTIONS:
                self.finish_reduction(node)

    def _start(self, node: Node) -> None:
        name, dtype = self.kernel.name_of(node), node.args[0].dtype
        start = start_value(node.op, dtype)
        if node.op == "argmax":
            self.kernel.write(f"{type_of(dtype)} {name}m = {start}; long long {name}s = 0;")
        else:
            self.kernel.write(f"{self.type_of_sum(node)} {name}s = {start};")

    def _entry(self, node: Node, known: dict[int, str]) -> None:
        name = self.kernel.name_of(node)
        args = [self._value(arg, known) for arg in read_of(node)]
        if node.op == "sum_rows":
            self.add(node, args[0])
        elif node.op == "argmax":
            later = f"comes_before({args[0]}, (long long)j, {name}m, {name}s)"
            self.kernel.write(f"if ({later}) {{ {name}m = {args[0]}; {name}s = j; }}")
        elif node.op in REDUCTIONS:
            combine = f"{COMBINE[node.op]}<{self.type_of_sum(node)}>"
            self.kernel.write(f"{name}s = {combine}({name}s, {args[0]});")
        else:
            self._declare(node, args)
            known[id(node)] = name
            if id(node) in self.layout.plan.stored:
                self.kernel.write(f"{self.kernel.entry(node)} = {name};")
            elif id(node) in self.kept:
                self.kernel.write(f"{self.keep(node)} = {name};")

    def _declare(self, node: Node, args: list[str]) -> None:
        if node.op == "take":
            (base, _) = node.args
            column = "" if is_row(node) else f" * {base.columns}LL + j"
            value = f"{self.kernel.place(base)}[{args[0]}{column}]"
        else:
            value = expression(node, args)
        self.kernel.write(f"const {type_of(node.dtype)} {self.kernel.name_of(node)} = {value};")

    # --- values

    def row_value(self, node: Node) -> str:
        """Return the name of a number of the row; read it from memory first if necessary."""
        if node.op == "constant" or is_number(node):
            return self.kernel.number(node)
        if node.op == "iota":
            return f"({type_of(node.dtype)}){'0' if same_length(node.rows, 1) else 'i'}"
        name = self.kernel.name_of(node)
        if id(node) in self.slots and self.is_at_hand(node):
            return name
        if name not in self.read:
            kind = type_of(node.dtype)
            self.kernel.write(f"const {kind} {name}r = {self.kernel.entry(node)};")
            self.read.add(name)
        return f"{name}r"

    def is_at_hand(self, node: Node) -> bool:
        """Whether a number of this group is in a variable of this kernel."""
        return True

    def _value(self, node: Node, known: dict[int, str]) -> str:
        """Return the name of a node's entry in this column; read it first if necessary."""
        if is_row(node) or node.op == "constant" or is_number(node):
            return self.row_value(node)
        if node.op == "iota":
            return f"({type_of(node.dtype)})j"
        if id(node) not in known:
            name, kind = self.kernel.name_of(node), type_of(node.dtype)
            kept = id(node) in self.slots and id(node) not in self.layout.plan.stored
            entry = self.keep(node) if kept and is_fused(node) else self.kernel.entry(node)
            self.kernel.write(f"const {kind} {name}x = {entry};")
            known[id(node)] = f"{name}x"
        return known[id(node)]

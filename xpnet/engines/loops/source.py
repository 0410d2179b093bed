"""Writes a planned step as Python source: loops that numba compiles, and calls of BLAS.

    run(lengths, constants, arrays, buffers, order, starts, coefficients, totals)

does the steps s = 0, 1, … in turn. Step s uses the examples order[starts[s] : starts[s + 1]] and
the Python numbers coefficients[s], and writes its total to totals[s]. Arrays have two axes, or one
(for one row or one column), in C order. An array to which a step gives a new value is overwritten.
"""

from __future__ import annotations

from typing import Any

from xpnet.engines.graph.lengths import TYPES, Numbers
from xpnet.engines.graph.memory import Memory, one_axis
from xpnet.engines.graph.nodes import Node, Size, is_scalar
from xpnet.engines.graph.operations import is_number
from xpnet.engines.graph.plan import Group, Plan
from xpnet.engines.graph.shapes import same_length
from xpnet.engines.loops.expressions import added, expression
from xpnet.engines.loops.loop import Loop

__all__ = ["Writer"]

_ROOM = 2**15  # numbers in the part of B that `xpnet.engines.loops.tiled` copies
_SMALL = 8192  # most multiplications for which a loop is faster than BLAS


class Writer:
    """Writes the body of a step."""

    parameters = ""  # further parameters of ``run``
    n_shared: int | None = None  # how many numbers the threads share; None for one thread

    def __init__(
        self, plan: Plan, memory: Memory, numbers: Numbers, batch: int, one_thread: bool
    ) -> None:
        """``one_thread``: whether products run on one thread, not on those of the BLAS."""
        self.plan, self.memory, self.numbers, self.batch = plan, memory, numbers, batch
        self.room = _ROOM if one_thread else 0
        self.places = memory.places
        self.names = {id(node): f"t{k}" for k, node in enumerate(plan.nodes)}
        self.rows: dict[str, tuple[int, str]] = {}  # length and dtype of each row that a loop keeps
        self.rooms: set[str] = set()  # dtypes of the products
        self.lines: list[str] = []
        self.depth = 2

    def first_lines(self) -> list[str]:
        """Return the lines before the loop over steps."""
        return [f"room_{dtype} = empty({self.room}, {dtype})" for dtype in sorted(self.rooms)]

    def step_lines(self) -> list[str]:
        """Return the lines that begin every step."""
        return []

    def write(self, line: str) -> None:
        """Add a line at the current indentation."""
        self.lines.append("    " * self.depth + line)

    def write_step(self, total: Node) -> None:
        """Write the whole step in order."""
        for node in self.plan.nodes:
            if is_number(node) and node.op not in ("input", "constant"):
                self.write(f"{self.names[id(node)]} = {self._number(node)}")
        for item in self.plan.order:
            if isinstance(item, Group):
                self._write_group(item)
            else:
                self._write_product(item)
        for old, new, node in self.memory.copies:
            self._write_copy(old, new, node)
        self._write_total(total)

    def _write_total(self, total: Node) -> None:
        self.write(f"totals[s] = {self.value(total)}")

    def columns(self, length: Any) -> str:
        """Return the arguments of ``range`` for a loop over columns."""
        return self.numbers.length(length)

    def rows_of(self, length: Any) -> str:
        """Return the arguments of ``range`` for a loop over rows."""
        return self.numbers.length(length)

    def value(self, node: Node) -> str:
        """Return the name or literal of a Python number, or of a number that a loop computed."""
        if node.op == "constant":
            return self.numbers.constant(node.attr, node.dtype)
        return self.places[id(node)] if node.op == "input" else self.names[id(node)]

    def _number(self, node: Node) -> str:
        return (
            node.attr if node.op == "size" else expression(node, list(map(self.value, node.args)))
        )

    # --- loops

    def _write_group(self, group: Group) -> None:
        sums = [node for node in group.nodes if node.op == "sum_rows"]
        for node in sums:
            self._start_sum(node)
        loop = Loop(self, group)
        if same_length(group.rows, 1):
            loop.write()
        else:
            self.write(f"for i in range({self.rows_of(group.rows)}):")
            self.depth += 1
            loop.write()
            self.depth -= 1
        self._finish_sums(sums)

    def _finish_sums(self, nodes: list[Node]) -> None:
        for node in nodes:
            self._finish_sum(node)

    def _start_sum(self, node: Node) -> None:
        name = self.names[id(node)]
        if is_scalar(node):
            self.write(f"{name}s = 0.0")
            return
        self.rows[f"{name}s"] = node.columns, "float64"
        self.write(f"for j in range({self.columns(node.columns)}):")
        self.write(f"    {name}s[j] = 0.0")

    def _finish_sum(self, node: Node) -> None:
        name, kind = self.names[id(node)], TYPES[node.dtype]
        if is_scalar(node):
            self.write(f"{name} = {kind}({name}s)")
            if id(node) in self.places:  # part of the state
                self.write(f"{self.places[id(node)]}[0] = {name}")
            return
        self.write(f"for j in range({self.columns(node.columns)}):")
        self.write(f"    {self.places[id(node)]}[j] = {kind}({name}s[j])")

    def _write_copy(self, old: str, new: str, node: Node) -> None:
        if not one_axis(node):
            self.write(f"for i in range({self.numbers.length(node.rows)}):")
            self.write(f"    for j in range({self.numbers.length(node.columns)}):")
            self.write(f"        {old}[i, j] = {new}[i, j]")
            return
        self.write(f"for j in range({self.numbers.length(node.rows * node.columns)}):")
        self.write(f"    {old}[j] = {new}[j]")

    # --- products

    def _write_product(self, node: Node) -> None:
        m, n, k = node.rows, node.columns, node.args[0].columns
        work = 1
        for length in (m, n, k):
            work *= self.batch if isinstance(length, Size) else length
        if self.numbers.literal and work <= _SMALL:
            self._write_small_product(node)
        else:
            self._write_gemm(node)

    def _write_gemm(self, node: Node) -> None:
        """Write C = op(A) op(B) as a call of `xpnet.engines.loops.products`."""
        sizes = ", ".join(map(self.numbers.length, (node.rows, node.columns, node.args[0].columns)))
        operands = []
        for arg in node.args:
            base, flipped = _flipped(arg)
            operands.append(f"{flipped}, {self.memory.find(base)}, {self._leading(base)}")
        self.rooms.add(node.dtype)
        self.write(
            f"{self._gemm(node)}({sizes}, {', '.join(operands)}, {self.memory.find(node)}, "
            f"{self._leading(node)}, room_{node.dtype}{self._last_arguments()})"
        )

    def _gemm(self, node: Node) -> str:
        return "sgemm" if node.dtype == "float32" else "dgemm"

    def _last_arguments(self) -> str:
        return ""

    def _write_small_product(self, node: Node) -> None:
        """Write the product as loops."""
        name, kind = self.names[id(node)], TYPES[node.dtype]
        a, b = (self._entry(arg, index) for arg, index in zip(node.args, ("ik", "kj"), strict=True))
        self.write(f"for i in range({self.numbers.length(node.rows)}):")
        self.write(f"    for j in range({self.numbers.length(node.columns)}):")
        self.write(f"        {name}s = {kind}(0.0)")
        self.write(f"        for k in range({self.numbers.length(node.args[0].columns)}):")
        self.write(f"            {name}s = {added(node, f'{name}s', f'{a} * {b}')}")
        self.write(f"        {self._entry(node, 'ij')} = {name}s")

    def _entry(self, node: Node, index: str) -> str:
        base, flipped = _flipped(node)
        i, j = reversed(index) if flipped else tuple(index)
        place = self.memory.find(base)
        if one_axis(base):
            return f"{place}[{j if same_length(base.rows, 1) else i}]"
        return f"{place}[{i}, {j}]"

    def _leading(self, node: Node) -> str:
        """Return how many numbers apart two neighbouring rows lie in memory."""
        return self.numbers.length(self.memory.leading.get(id(node), node.columns))


def _flipped(node: Node) -> tuple[Node, bool]:
    return (node.args[0], True) if node.op == "transpose" else (node, False)

"""Writes the source of a step that several threads run together.

    run(lengths, constants, arrays, buffers, order, starts, coefficients, totals,
        rank, threads, barrier, shared)

Every thread runs this function, and does its share of each loop and each product. The threads split
the units: the thread that computes some columns of Z_l also computes these columns of A_l and dZ_l,
and these rows of dW_l. So a thread mostly reads what it wrote itself, and has whole sums over
examples.

If a loop sums along its rows, as a softmax does, or gathers rows, the threads split the rows. They
then add up their partial sums over rows, which lie in ``shared``. The first thread does whatever
cannot be split (single numbers, sums over θ), and puts its numbers into ``shared`` too. After each
loop and each product the threads wait for each other.
"""

from __future__ import annotations

from typing import Any

from xpnet.engines.graph.lengths import TYPES
from xpnet.engines.graph.nodes import Node, Size, is_scalar
from xpnet.engines.graph.plan import REDUCTIONS, Group
from xpnet.engines.graph.shapes import same_length
from xpnet.engines.graph.slots import walks
from xpnet.engines.loops.source import Writer

__all__ = ["TeamWriter"]

_KINDS = {**TYPES, "bool": "bool_", "weak": "f64"}


class TeamWriter(Writer):
    """Writes the body of a step for each of several threads."""

    parameters = ", rank, threads, barrier, shared"
    n_shared: int

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.divided: str | None = None  # "rows" or "columns": the split of the current loop
        self.shares: dict[str, str] = {}  # lines that split a length, by the name of the length
        self.offsets = ["o0 = 0"]  # where each node's numbers begin in ``shared``
        self.n_shared = 0

    def first_lines(self) -> list[str]:
        """Return the lines before the steps, with the thread's shares of all lengths but N."""
        shares = [line for name, line in self.shares.items() if name != "N"]
        return [*super().first_lines(), "met = 0", *shares, *self.offsets[:-1]]

    def step_lines(self) -> list[str]:
        """Return the line with the thread's share of the N examples."""
        return [line for name, line in self.shares.items() if name == "N"]

    def columns(self, length: Any) -> str:
        """Return the bounds of the thread's columns if the loop is split by columns, else all."""
        return self._share(length) if self.divided == "columns" else super().columns(length)

    def rows_of(self, length: Any) -> str:
        """Return the bounds of the thread's own rows if the loop is split by rows, else all."""
        return self._share(length) if self.divided == "rows" else super().rows_of(length)

    def _share(self, length: Any) -> str:
        name = self.numbers.length(length)
        bounds = f"{name}_first, {name}_stop"
        self.shares[name] = f"{bounds} = share({name}, rank, threads)"
        return bounds

    def _write_group(self, group: Group) -> None:
        self.divided = _division(self, group)
        if self.divided is None:
            self._write_alone(group)
        else:
            super()._write_group(group)
            self._meet()
        self.divided = None

    def _write_alone(self, group: Group) -> None:
        """Write a group that the first thread computes for all."""
        self.write("if rank == 0:")
        self.depth += 1
        super()._write_group(group)
        left = [(n, self._place(1)) for n in group.nodes if self._is_left(n)]
        for node, place in left:
            self.write(f"shared[0, {place}] = {self.names[id(node)]}")
        self.depth -= 1
        self._meet()
        for node, place in left:
            self.write(f"{self.names[id(node)]} = {_KINDS[node.dtype]}(shared[0, {place}])")

    def _is_left(self, node: Node) -> bool:
        """Whether the node is a single number that the loop keeps only in a variable."""
        return is_scalar(node) and id(node) not in self.places

    def _place(self, length: int) -> str:
        """Reserve ``length`` numbers per thread in ``shared``; return the name of their offset."""
        name = f"o{len(self.offsets) - 1}"
        self.offsets.append(f"o{len(self.offsets)} = {name} + {self.numbers.length(length)}")
        self.n_shared += length
        return name

    def _finish_sums(self, nodes: list[Node]) -> None:
        """Write the ends of sums; if the rows are split, first add up the threads' partial sums."""
        if self.divided != "rows" or not nodes:
            super()._finish_sums(nodes)
            return
        places = [self._place(node.columns) for node in nodes]
        for node, place in zip(nodes, places, strict=True):
            self._write_sum(node, f"shared[rank, {place}{{j}}] = {{sum}}")
        self._meet()
        self.divided = "columns"  # of the sums
        for node, place in zip(nodes, places, strict=True):
            self._write_sum(node, f"{{sum}} = shared[0, {place}{{j}}]")
            self.write("for other in range(1, threads):")
            self.depth += 1
            self._write_sum(node, f"{{sum}} += shared[other, {place}{{j}}]")
            self.depth -= 1
        super()._finish_sums(nodes)

    def _write_sum(self, node: Node, line: str) -> None:
        """Write a line for a sum over examples: once for a single number, else for each column."""
        name = f"{self.names[id(node)]}s"
        if is_scalar(node):
            self.write(line.format(sum=name, j=""))
            return
        self.write(f"for j in range({self.columns(node.columns)}):")
        self.write("    " + line.format(sum=f"{name}[j]", j=" + j"))

    def _meet(self) -> None:
        self.write("met = meet(barrier, met, threads)")

    def _write_product(self, node: Node) -> None:
        self._write_gemm(node)
        self._meet()

    def _gemm(self, node: Node) -> str:
        """Return the name of the product that computes the columns or rows of a thread's units."""
        units = "rows" if not isinstance(node.rows, Size) else "columns"
        return f"{super()._gemm(node)}_{units}"

    def _last_arguments(self) -> str:
        return ", rank, threads"

    def _write_copy(self, old: str, new: str, node: Node) -> None:
        self.write("if rank == 0:")
        self.depth += 1
        super()._write_copy(old, new, node)
        self.depth -= 1

    def _write_total(self, total: Node) -> None:
        self.write("if rank == 0:")
        self.write(f"    totals[s] = {self.value(total)}")
        if self.memory.copies:
            self._meet()


def _division(writer: Writer, group: Group) -> str | None:
    """Return "columns" or "rows", whichever the threads split in a loop, or None for neither."""
    written = [n for n in group.nodes if id(n) in writer.plan.stored and id(n) in writer.places]
    reduced = any(node.op in REDUCTIONS or _gathers(node) for node in group.nodes)
    if written and not reduced and all(map(walks, written)):
        return "columns"
    return None if same_length(group.rows, 1) else "rows"


def _gathers(node: Node) -> bool:
    """Whether the node takes rows of the examples, each from a different place in memory."""
    return node.op == "take" and walks(node)

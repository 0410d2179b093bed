"""Source of a step that several threads do together.

    run(lengths, constants, arrays, buffers, order, starts, coefficients, totals,
        rank, threads, barrier, shared)

Every thread runs this function, and does its share of each loop and of each product. They divide
the units: whoever computes columns of Z_l computes the same ones of A_l and dZ_l, and these rows of
dW_l, so that most of what a thread reads is what it wrote itself. Sums over examples are whole that
way, and nothing is added up between threads. What does not divide (a softmax with its column sums)
is done by the first thread, which leaves its single numbers in ``shared``. After each loop and
product the threads meet.
"""

from __future__ import annotations

from typing import Any

from xpnet.fused.expressions import TYPES
from xpnet.fused.graph import Node, Size, is_scalar
from xpnet.fused.loops import walks
from xpnet.fused.plan import REDUCTIONS, Group
from xpnet.fused.shapes import same_length
from xpnet.fused.source import Writer

__all__ = ["TeamWriter"]

_KINDS = {**TYPES, "bool": "bool_", "weak": "f64"}


class TeamWriter(Writer):
    """Writes the body of a step for a thread of several."""

    parameters = ", rank, threads, barrier, shared"
    n_shared: int

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.divided: str | None = None  # "rows" or "columns", of the loop that is being written
        self.shares: dict[str, str] = {}  # the lines that divide a length, by its name
        self.n_shared = 0

    def first_lines(self) -> list[str]:
        """The thread's shares of all lengths but the number of examples."""
        return ["met = 0", *(line for name, line in self.shares.items() if name != "N")]

    def step_lines(self) -> list[str]:
        """Its share of the examples."""
        return [line for name, line in self.shares.items() if name == "N"]

    def columns(self, length: Any) -> str:
        """The thread's own columns where the loop is divided by columns."""
        return self._share(length) if self.divided == "columns" else super().columns(length)

    def rows_of(self, length: Any) -> str:
        """The thread's own rows where the loop is divided by rows."""
        return self._share(length) if self.divided == "rows" else super().rows_of(length)

    def _share(self, length: Any) -> str:
        name = self.numbers.length(length)
        bounds = f"{name}_first, {name}_stop"
        self.shares[name] = f"{bounds} = share({name}, rank, threads)"
        return bounds

    def _write_group(self, group: Group) -> None:
        self.divided = _division(self, group)
        if self.divided == "numbers":
            super()._write_group(group)
        elif self.divided is None:
            self._write_alone(group)
        else:
            super()._write_group(group)
            self._meet()
        self.divided = None

    def _write_alone(self, group: Group) -> None:
        """What the first thread does for all."""
        self.write("if rank == 0:")
        self.depth += 1
        super()._write_group(group)
        left = [n for n in group.nodes if is_scalar(n) and id(n) not in self.places]
        for k, node in enumerate(left, self.n_shared):
            self.write(f"shared[{k}] = {self.names[id(node)]}")
        self.depth -= 1
        self._meet()
        for k, node in enumerate(left, self.n_shared):
            name, kind = self.names[id(node)], _KINDS[node.dtype]
            self.write(f"{name} = {kind}(shared[{k}])")
        self.n_shared += len(left)

    def _meet(self) -> None:
        self.write("met = meet(barrier, met, threads)")

    def _write_product(self, node: Node) -> None:
        self._write_gemm(node)
        self._meet()

    def _gemm(self, node: Node) -> str:
        """One in which the thread computes its own columns, or rows: those of its units."""
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
    """Whether the threads divide the columns of a loop, its rows, or nothing.

    "numbers": single numbers, which everybody computes for itself.
    """
    written = [n for n in group.nodes if id(n) in writer.plan.stored and id(n) in writer.places]
    if not written and not any(map(walks, group.nodes)):
        return "numbers"
    reduced = any(node.op in REDUCTIONS for node in group.nodes)
    if written and not reduced and all(map(walks, written)):
        return "columns"
    summed = any(node.op == "sum_rows" for node in group.nodes)
    return None if summed or same_length(group.rows, 1) else "rows"

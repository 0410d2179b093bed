"""A training step for a GPU: its kernels, and the order of launches and products.

The step is recorded and planned as for the CPU (`xpnet.engines.loops.program`). The kernels are
written in CUDA C++ from the plan (`xpnet.engines.cuda.source`); the backend computes the products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.engines.cuda.expressions import type_of
from xpnet.engines.cuda.kernels import FLAT_GRID, kernels_of
from xpnet.engines.cuda.source import HEAD, LANES, WARPS, Kernel, Layout
from xpnet.engines.graph.memory import Buffer, View, arrange
from xpnet.engines.graph.nodes import Node, Size, without_axes
from xpnet.engines.graph.plan import REDUCTIONS, Group, Plan, plan
from xpnet.engines.graph.remembered import remembered
from xpnet.engines.graph.step import Recorded, made_from, record_step
from xpnet.engines.step import Feed, Recipe, State

_NARROW = 64  # most columns of a sum over rows in a kernel of rows

__all__ = ["CudaProgram", "Launch", "Operand", "Product", "cuda_program"]


@dataclass(frozen=True)
class Launch:
    """A kernel by name, its grid of blocks (columns, rows), and the names of its arrays."""

    name: str
    grid: tuple[int, int]
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Operand:
    """A matrix in memory; its number of rows is None if it has one row per example."""

    place: str
    rows: int | None
    columns: int | None
    flipped: bool = False


@dataclass(frozen=True)
class Product:
    """The matrix product out = a b."""

    a: Operand
    b: Operand
    out: Operand


@dataclass
class CudaProgram:
    """The source of a step's kernels, and the calls and arrays of a step.

    Attributes
    ----------
    source : str
    calls : list of Launch or Product
        The calls of a step, in order.
    inputs : list of str
        The names of the arrays a0, a1, … (`xpnet.engines.loops.program`).
    buffers : list of Buffer
        The buffers b0, b1, …
    views : list of View
        v0, v1, …: views of inputs, buffers and earlier views.
    n_scalars, n_tickets : int
        How many single numbers of 8 bytes, and how many int32 counts of finished blocks, a step
        needs. The counts begin at 0.
    n_coefficients : int
        Columns of the table of coefficients.
    """

    source: str
    calls: list[Launch | Product]
    inputs: list[str]
    buffers: list[Buffer]
    views: list[View]
    n_scalars: int
    n_tickets: int
    n_coefficients: int


def cuda_program(
    recipe: Recipe,
    state: State,
    data: Feed,
    n_coefficients: int,
    masks: bool,
    batch: int,
    gathers: bool,
) -> CudaProgram:
    """Return the program of `step` for arrays like these and at most ``batch`` examples."""

    def write() -> CudaProgram:
        recorded = record_step(recipe, state, data, n_coefficients, masks, gathers)
        return _written(recorded, batch, n_coefficients)

    how = n_coefficients, masks, batch, gathers
    return remembered(("cuda", *made_from(recipe, state, data), *how), write)


def _written(recorded: Recorded, batch: int, n_coefficients: int) -> CudaProgram:
    changed, total = recorded.changed(), without_axes(recorded.total)
    planned = plan([*changed.values(), total])
    _split_wide_sums(planned)
    memory = arrange(planned, recorded.arrays(), changed)
    if "index" in recorded.inputs:
        memory.places[id(recorded.inputs["index"])] = "index"
    names = {id(node): f"t{k}" for k, node in enumerate(planned.nodes)}
    layout = Layout(planned, memory, batch, n_coefficients, names)
    calls = _calls(layout)
    if not isinstance(calls[-1], Kernel):
        calls.append(Kernel("end", layout, (1, 1)))
    calls[-1].end_step(total)
    kernels = [call for call in calls if isinstance(call, Kernel)]
    return CudaProgram(
        "\n".join([HEAD, *(kernel.text() for kernel in kernels)]),
        [_launch(call) if isinstance(call, Kernel) else call for call in calls],
        list(recorded.arrays()),
        memory.buffers,
        memory.views,
        len(layout.scalars),
        layout.n_tickets,
        n_coefficients,
    )


def _split_wide_sums(plan: Plan) -> None:
    """Move sums over rows of many columns out of groups with reductions along rows.

    They become groups of their own, which run as kernels of tiles. In a kernel of rows, the last
    block alone would add up all their columns.
    """
    order: list[Any] = []
    for item in plan.order:
        order.append(item)
        if not isinstance(item, Group) or not any(n.op in REDUCTIONS for n in item.nodes):
            continue
        wide = [n for n in item.nodes if n.op == "sum_rows" and n.columns > _NARROW]
        for node in wide:
            _store(plan, item, node.args[0])
        if wide:
            item.nodes = [n for n in item.nodes if id(n) not in map(id, wide)]
            order.append(Group(item.time, item.rows, wide, wide))
    plan.order[:] = order


def _store(plan: Plan, group: Group, node: Node) -> None:
    if id(node) in map(id, group.nodes) and id(node) not in plan.stored:
        plan.stored.add(id(node))
        group.targets.append(node)


def _launch(kernel: Kernel) -> Launch:
    return Launch(kernel.name, kernel.grid, tuple(kernel.arguments))


def _calls(layout: Layout) -> list[Any]:
    calls: list[Any] = []
    for item in layout.plan.order:
        if isinstance(item, Group):
            calls.extend(kernels_of(item, layout, f"k{len(calls)}"))
        else:
            calls.append(Product(*(_operand(x, layout) for x in (*item.args, item))))
    if layout.memory.copies:
        calls.append(_copies(layout))
    return calls


def _operand(node: Node, layout: Layout) -> Operand:
    flipped = node.op == "transpose"
    base = node.args[0] if flipped else node
    rows, columns = (None if isinstance(n, Size) else n for n in (base.rows, base.columns))
    return Operand(layout.memory.find(base), rows, columns, flipped)


def _copies(layout: Layout) -> Kernel:
    """Return the kernel that copies new values over inputs at the end of a step."""
    copies = layout.memory.copies
    longest = max(layout.count(node.rows) * layout.count(node.columns) for _, _, node in copies)
    threads = LANES * WARPS
    kernel = Kernel("copies", layout, (max(1, min(-(-longest // threads), FLAT_GRID)), 1))
    thread = f"(blockIdx.x * {WARPS}LL + threadIdx.y) * {LANES} + threadIdx.x"
    for old, new, node in copies:
        kind = f"{type_of(node.dtype)}*"
        n = f"{kernel.length(node.rows)} * {kernel.length(node.columns)}"
        step = kernel.grid[0] * threads
        kernel.write(f"for (long long j = {thread}; j < {n}; j += {step})")
        kernel.write(f"    {kernel.use(old, kind)}[j] = {kernel.use(new, kind)}[j];")
    return kernel

"""The three kinds of kernels (`xpnet.engines.cuda.loop`), and the choice of one for a group.

Sums over examples, and over a single row such as θ (the parameters), are added in double.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xpnet.engines.cuda.expressions import COMBINE, start_value, type_of
from xpnet.engines.cuda.loop import Body
from xpnet.engines.cuda.source import LANES, WARPS, Kernel, Layout
from xpnet.engines.graph.nodes import Node
from xpnet.engines.graph.plan import REDUCTIONS, Group
from xpnet.engines.graph.shapes import TraceError
from xpnet.engines.graph.slots import columns_slot, is_row, slots_of, walks

__all__ = ["FLAT_GRID", "kernels_of"]

_ROW_BLOCKS = 128  # most blocks of a kernel of rows that has sums over rows
_FLAT_BLOCKS = 256  # of a kernel of one row that has sums
FLAT_GRID = 2112
"""Most blocks of any kernel of one row: 16 for each multiprocessor of an H100. Threads stride over
the row, so more blocks would only begin and end more often. No bit depends on it."""

_TILE_ROWS = 64  # rows of a tile with sums: 8 per warp
_TILE_STRIPS = 64
_GRID = 65535
_LONGEST_ROW = 8192  # entries of a row that a warp keeps: 256 per lane


def kernels_of(group: Group, layout: Layout, name: str) -> Iterator[Kernel]:
    """Yield the kernels of a group, in order: one, or several for reductions of a single row."""
    if isinstance(group.rows, int) and group.rows == 1:
        yield from _flat(group, layout, name)
    elif any(node.op in REDUCTIONS for node in group.nodes):
        yield _rows(group, layout, name)
    else:
        yield _tiles(group, layout, name)


def _sums(group: Group) -> list[Node]:
    return [node for node in group.nodes if node.op == "sum_rows"]


def _blocks(n: int, of: int, most: int) -> int:
    return max(1, min(-(-n // of), most))


# --- one warp per row


class _RowBody(Body):
    """The lanes of a warp stride over the columns of its row."""

    def walk(self, length: Any) -> None:
        n = self.kernel.length(length)
        self.kernel.write(f"for (int j = threadIdx.x, k = 0; j < {n}; j += {LANES}, ++k) {{")

    def keep(self, node: Node) -> str:
        name = self.kernel.name_of(node)
        return f"{self._lanes(name + 'v', node, False)}[k]"

    def add(self, node: Node, value: str) -> None:
        name = self.kernel.name_of(node)
        at = "0" if is_row(node) else "k"
        self.kernel.write(f"{self._lanes(name + 's', node, True)}[{at}] += {value};")

    def finish_reduction(self, node: Node) -> None:
        name, kind = self.kernel.name_of(node), type_of(node.args[0].dtype)
        if node.op == "argmax":
            value = f"place_along_warp({name}m, {name}s)"
        else:
            value = f"along_warp<{kind}, {COMBINE[node.op]}<{kind}>>({name}s)"
        self.kernel.write(f"const {type_of(node.dtype)} {name} = {value};")
        self.store_number(node)

    def _lanes(self, name: str, node: Node, is_sum: bool) -> str:
        """Declare an array of this lane's columns of a row, or of its sums over rows."""
        columns = self.layout.count(node.columns)
        if columns > _LONGEST_ROW:
            raise TraceError(f"rows of {columns} columns; a kernel keeps at most {_LONGEST_ROW}")
        start = " = {}" if is_sum else ""
        kind = "double" if is_sum else type_of(node.dtype)
        self.kernel.declare(name, f"{kind} {name}[{-(-columns // LANES)}]{start};")
        return name


def _rows(group: Group, layout: Layout, name: str) -> Kernel:
    sums = _sums(group)
    blocks = _blocks(layout.count(group.rows), WARPS, _ROW_BLOCKS if sums else _GRID)
    kernel = Kernel(name, layout, (blocks, 1))
    body = _RowBody(kernel, group)
    rows = kernel.length(group.rows)
    first = f"blockIdx.x * {WARPS}LL + threadIdx.y"
    kernel.write(f"for (long long i = {first}; i < {rows}; i += {blocks * WARPS}) {{")
    for slot in range(-1, max(body.slots.values()) + 1):
        body.numbers(slot) if slot % 2 else body.columns(slot)
    kernel.write("}")
    if sums:
        _finish_row_sums(kernel, sums, blocks)
    return kernel


def _finish_row_sums(kernel: Kernel, sums: list[Node], blocks: int) -> None:
    """Store each warp's sums; the last block adds them up, one warp per column."""
    partial = {}
    for node in sums:
        n, name = node.columns, kernel.name_of(node)
        place = partial[id(node)] = _partial(kernel, "double", blocks * WARPS * n)
        kernel.write(f"for (int j = threadIdx.x, k = 0; j < {n}; j += {LANES}, ++k)")
        kernel.write(f"    {place}[(blockIdx.x * {WARPS} + threadIdx.y) * {n} + j] = {name}s[k];")
    _open_last(kernel, blocks, "0")
    for node in sums:
        n, place = node.columns, partial[id(node)]
        kernel.write(f"for (int j = threadIdx.y; j < {n}; j += {WARPS}) {{")
        kernel.write("double sum = 0;")
        kernel.write(f"for (int w = threadIdx.x; w < {blocks * WARPS}; w += {LANES})")
        kernel.write(f"    sum += {place}[w * {n} + j];")
        kernel.write("sum = along_warp<double, plus<double>>(sum);")
        kernel.write(f"if (threadIdx.x == 0) {kernel.entry(node)} = ({type_of(node.dtype)})sum;")
        kernel.write("}")
    kernel.write("}")


_THREAD = f"(int)(threadIdx.y * {LANES} + threadIdx.x)"


def _partial(kernel: Kernel, kind: str, length: int) -> str:
    """Reserve memory for partial results of that type, and return its name."""
    place = kernel.layout.buffer(length, {"float": "float32", "double": "float64"}[kind])
    return kernel.use(place, f"{kind}*")


def _open_last(kernel: Kernel, blocks: int, which: str, n: int = 1) -> None:
    """Begin code, up to a closing brace, that only the last of ``blocks`` blocks runs."""
    first = kernel.layout.tickets(n)
    kernel.write(f"if (last_of({blocks}, {kernel.use('tickets')} + {first} + {which})) {{")


# --- one lane per column


class _TileBody(Body):
    """Each lane has one column, and the warps of a block stride over the rows."""

    stores_number = "j == 0"

    def walk(self, length: Any) -> None:
        self.kernel.write(f"if (j < {self.kernel.length(length)}) {{")

    def add(self, node: Node, value: str) -> None:
        name = self.kernel.name_of(node)
        self.kernel.declare(f"{name}s", f"double {name}s = 0;")
        self.kernel.write(f"{name}s += {value};")


def _tiles(group: Group, layout: Layout, name: str) -> Kernel:
    sums = _sums(group)
    widest = max(layout.count(node.columns) for node in group.nodes)
    rows = layout.count(group.rows)
    strips = _blocks(rows, *((_TILE_ROWS, _TILE_STRIPS) if sums else (WARPS, _GRID)))
    kernel = Kernel(name, layout, (_blocks(widest, LANES, 2**31 - 1), strips))
    body = _TileBody(kernel, group)
    n = kernel.length(group.rows)
    kernel.write(f"const int j = blockIdx.x * {LANES} + threadIdx.x;")
    first = f"blockIdx.y * {WARPS}LL + threadIdx.y"
    kernel.write(f"for (long long i = {first}; i < {n}; i += {strips * WARPS}) {{")
    body.numbers(-1)
    body.columns(0)
    kernel.write("}")
    if sums:
        _finish_tile_sums(kernel, sums)
    return kernel


def _finish_tile_sums(kernel: Kernel, sums: list[Node]) -> None:
    """Store each strip's sums; the last strip of a tile adds them up."""
    tiles, strips = kernel.grid
    partial = {}
    for node in sums:
        n, name = node.columns, kernel.name_of(node)
        place = partial[id(node)] = _partial(kernel, "double", strips * n)
        kernel.write(f"{name}s = across_warps({name}s);")
        kernel.write(f"if (threadIdx.y == 0 && j < {n}) {place}[blockIdx.y * {n} + j] = {name}s;")
    _open_last(kernel, strips, "blockIdx.x", tiles)
    for node in sums:
        n, name, place = node.columns, kernel.name_of(node), partial[id(node)]
        kernel.write(f"if (threadIdx.y == 0 && j < {n}) {{")
        kernel.write(f"{name}s = 0;")
        kernel.write(f"for (int w = 0; w < {strips}; ++w) {name}s += {place}[w * {n} + j];")
        kernel.write(f"{kernel.entry(node)} = ({type_of(node.dtype)}){name}s;")
        kernel.write("}")
    kernel.write("}")


# --- a single row


class _FlatBody(Body):
    """All threads of a grid stride over one row, with one kernel per slot of columns."""

    stores_number = None  # the last block stores the `_numbers_to_store`

    def __init__(self, kernel: Kernel, group: Group, slot: int, kept_at: dict[int, str]) -> None:
        super().__init__(kernel, group)
        self._slot, self._kept_at = slot, kept_at
        self.reduced: list[Node] = []

    def walk(self, length: Any) -> None:
        n, threads = self.kernel.length(length), self.kernel.grid[0] * LANES * WARPS
        self.kernel.write(f"for (long long j = {_FLAT_THREAD}; j < {n}; j += {threads}) {{")

    def keep(self, node: Node) -> str:
        place = self._kept_at.get(id(node))
        if place is None:
            place = self.layout.buffer(self.layout.count(node.columns), node.dtype)
            self._kept_at[id(node)] = place
        return f"{self.kernel.use(place, f'{type_of(node.dtype)}*')}[j]"

    def type_of_sum(self, node: Node) -> str:
        return "double" if node.op == "sum" else super().type_of_sum(node)

    def finish_reduction(self, node: Node) -> None:
        if node.op == "argmax":
            raise TraceError("argmax of a single row")
        self.reduced.append(node)

    def is_at_hand(self, node: Node) -> bool:
        first = self._slot - (self._slot == 0)
        return first <= self.slots[id(node)] <= self._slot + 1


_FLAT_THREAD = f"(blockIdx.x * {WARPS}LL + threadIdx.y) * {LANES} + threadIdx.x"


def _flat(group: Group, layout: Layout, name: str) -> Iterator[Kernel]:
    slots = slots_of(group)
    kept_at: dict[int, str] = {}
    for slot in range(0, max(1, max(slots.values()) + 1), 2):
        here = [n for n in group.nodes if columns_slot(n, slots) == slot and walks(n)]
        sums = any(node.op in REDUCTIONS for node in here)
        longest = max((_columns(layout, node) for node in here), default=1)
        blocks = _blocks(longest, LANES * WARPS, _FLAT_BLOCKS if sums else FLAT_GRID)
        kernel = Kernel(f"{name}_{slot}" if slot else name, layout, (blocks, 1))
        body = _FlatBody(kernel, group, slot, kept_at)
        if slot == 0:
            body.numbers(-1)
        body.columns(slot)
        _finish_flat(kernel, body, slot, blocks)
        yield kernel


def _columns(layout: Layout, node: Node) -> int:
    return layout.count(node.args[0].columns if node.op in REDUCTIONS else node.columns)


def _finish_flat(kernel: Kernel, body: _FlatBody, slot: int, blocks: int) -> None:
    """Let the last block complete the sums, compute numbers from them, and store those needed."""
    partial = {}
    for node in body.reduced:
        place = partial[id(node)] = _partial(kernel, body.type_of_sum(node), blocks)
        kernel.write(f"{kernel.name_of(node)}s = {_along_block(body, node)};")
        kernel.write(f"if ({_THREAD} == 0) {place}[blockIdx.x] = {kernel.name_of(node)}s;")
    numbers = _numbers_to_store(body, slot)
    later = [n for n in body.group.nodes if body.slots[id(n)] == slot + 1 and not walks(n)]
    if not (body.reduced or numbers or later):
        return
    _open_last(kernel, blocks, "0")
    for node in body.reduced:
        name, place, kind = kernel.name_of(node), partial[id(node)], type_of(node.dtype)
        kernel.write(f"{name}s = {start_value(node.op, node.dtype)};")
        kernel.write(f"for (int w = {_THREAD}; w < {blocks}; w += {LANES * WARPS})")
        kernel.write(f"    {name}s = {COMBINE[node.op]}({name}s, {place}[w]);")
        kernel.write(f"const {kind} {name} = ({kind}){_along_block(body, node)};")
    body.numbers(slot + 1)
    for node in numbers:
        entry = kernel.entry(node)
        kernel.write(f"if ({_THREAD} == 0) {entry} = {kernel.name_of(node)};")
    kernel.write("}")


def _along_block(body: _FlatBody, node: Node) -> str:
    kind = body.type_of_sum(node)
    return f"along_block<{kind}, {COMBINE[node.op]}<{kind}>>({body.kernel.name_of(node)}s)"


def _numbers_to_store(body: _FlatBody, slot: int) -> list[Node]:
    """Return this kernel's numbers that a different group, or a later kernel of this one, needs."""
    slots, nodes = body.slots, body.group.nodes
    behind = [n for n in nodes if (columns_slot(n, slots) if walks(n) else slots[id(n)] - 1) > slot]
    later = {id(arg) for n in behind for arg in n.args}
    return [
        node
        for node in nodes
        if is_row(node)
        and body.is_at_hand(node)
        and (id(node) in later or id(node) in body.layout.plan.stored)
    ]

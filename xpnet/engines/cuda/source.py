"""Write a planned step in CUDA C++: kernels for each group of loops, with products between them.

A kernel has 8 warps per block and the same number of blocks on every device, so that results are
bitwise equal. The values that differ between steps are in device memory:

    order, starts      step s takes the examples order[starts[s]] … order[starts[s + 1] − 1]
    coefficients       the host's numbers, one row per step
    totals             Σ w loss (weighted sum of losses) of each step, written at its end
    counter            s, which the last block of a step increments

So the launches are the same for every s, and none waits for the host. If a sum extends over several
blocks, each block stores partial sums, and the last block to finish adds them in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xpnet.engines.cuda.expressions import constant, expression, type_of
from xpnet.engines.graph.memory import Buffer, Memory
from xpnet.engines.graph.nodes import Node, Size, is_scalar
from xpnet.engines.graph.operations import is_number
from xpnet.engines.graph.plan import Plan
from xpnet.engines.graph.shapes import TraceError

__all__ = ["HEAD", "LANES", "WARPS", "Kernel", "Layout"]

LANES, WARPS = 32, 8
"""Threads per warp (threadIdx.x) and warps per block (threadIdx.y)."""

HEAD = """\
__device__ inline double infinity() { return __longlong_as_double(0x7ff0000000000000LL); }
__device__ inline double not_a_number() { return __longlong_as_double(0x7ff8000000000000LL); }

template <typename T> __device__ inline T plus(T a, T b) { return a + b; }
template <typename T> __device__ inline T most(T a, T b) { return (a > b) | (a != a) ? a : b; }
template <typename T> __device__ inline T least(T a, T b) { return (a < b) | (a != a) ? a : b; }

// All lanes of a warp get the same bits: at each level two lanes combine the same two numbers.
template <typename T, T (*F)(T, T)> __device__ T along_warp(T x) {
    for (int d = 16; d > 0; d /= 2) x = F(x, __shfl_xor_sync(0xffffffffu, x, d));
    return x;
}

// Whether argmax finds an entry rather than another: NaN, or else the larger one; the first.
template <typename T>
__device__ inline bool comes_before(T y, long long other, T x, long long place) {
    if (x != x || y != y) return y != y && (x == x || other < place);
    return y > x || (y == x && other < place);
}

// The place of the largest; of the first one where several are.
template <typename T> __device__ long long place_along_warp(T x, long long place) {
    for (int d = 16; d > 0; d /= 2) {
        const T y = __shfl_xor_sync(0xffffffffu, x, d);
        const long long other = __shfl_xor_sync(0xffffffffu, place, d);
        if (comes_before(y, other, x, place)) { x = y; place = other; }
    }
    return place;
}

template <typename T, T (*F)(T, T)> __device__ T along_block(T x) {
    __shared__ T part[8];
    x = along_warp<T, F>(x);
    __syncthreads();
    if (threadIdx.x == 0) part[threadIdx.y] = x;
    __syncthreads();
    x = part[0];
    for (int k = 1; k < 8; ++k) x = F(x, part[k]);
    return x;
}

// The sum over the block's warps, for each lane; in warp 0.
template <typename T> __device__ T across_warps(T x) {
    __shared__ T part[8][32];
    __syncthreads();
    part[threadIdx.y][threadIdx.x] = x;
    __syncthreads();
    x = part[0][threadIdx.x];
    for (int k = 1; k < 8; ++k) x = x + part[k][threadIdx.x];
    return x;
}

// Whether this block is the last one to come here, and sees what all have written.
__device__ bool last_of(int blocks, int* ticket) {
    __shared__ bool last;
    __syncthreads();
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        __threadfence();
        last = atomicAdd(ticket, 1) == blocks - 1;
        if (last) *ticket = 0;
        __threadfence();
    }
    __syncthreads();
    return last;
}
"""

_CONTROL = {
    "order": "const long long*",
    "starts": "const long long*",
    "coefficients": "const double*",
    "totals": "double*",
    "counter": "int*",
    "scalars": "double*",
    "tickets": "int*",
}


@dataclass
class Layout:
    """The parts that all kernels of a step share: plan, memory, and places of single numbers."""

    plan: Plan
    memory: Memory
    batch: int
    n_coefficients: int
    names: dict[int, str] = field(default_factory=dict)
    scalars: dict[int, int] = field(default_factory=dict)
    n_tickets: int = 0

    def tickets(self, n: int) -> int:
        """Reserve n tickets (counts of finished blocks) and return the index of the first."""
        self.n_tickets += n
        return self.n_tickets - n

    def buffer(self, length: int, dtype: str) -> str:
        """Make a work buffer of one axis and return its name."""
        self.memory.buffers.append(Buffer((length,), dtype))
        return f"b{len(self.memory.buffers) - 1}"

    def count(self, length: Any) -> int:
        """Return a length; for the number of examples, its maximum."""
        return self.batch if isinstance(length, Size) else int(length)


class Kernel:
    """A kernel that is being written: its lines, and the arrays that it takes."""

    def __init__(self, name: str, layout: Layout, grid: tuple[int, int]) -> None:
        self.name, self.layout, self.grid = name, layout, grid
        self.arguments: dict[str, str] = {}  # names and types
        self._head: dict[str, str] = {}  # declarations at the start of the kernel, by name
        self._lines: list[str] = []
        self._depth = 1

    def write(self, line: str) -> None:
        """Add a line at the current depth, which braces change."""
        self._depth -= line.startswith("}")
        self._lines.append("    " * self._depth + line)
        self._depth += line.endswith("{")

    def text(self) -> str:
        """Return the source of the whole kernel."""
        parameters = ", ".join(f"{kind} {name}" for name, kind in self.arguments.items())
        head = [f"    {line}" for line in self._head.values()]
        body = "\n".join([*head, *self._lines])
        return f'extern "C" __global__ void {self.name}({parameters}) {{\n{body}\n}}\n'

    # --- arrays

    def use(self, name: str, kind: str | None = None) -> str:
        """Make an array one of the arguments and return its name."""
        self.arguments[name] = kind or _CONTROL[name]
        return name

    def place(self, node: Node) -> str:
        """Return the name of the array that holds a node."""
        return self.use(self.layout.memory.find(node), f"{type_of(node.dtype)}*")

    def entry(self, node: Node) -> str:
        """Return the expression of the entry (i, j) of a node in memory."""
        if self.layout.memory.places.get(id(node)) == "index":
            self.step()
            begin = self.head("begin", f"long long begin = {self.use('starts')}[s]")
            return f"{self.use('order')}[{begin} + i]"
        if is_scalar(node) and id(node) not in self.layout.memory.places:
            return self.scalar(node)
        if node.op == "transpose":
            (base,) = node.args
            return f"{self.place(base)}[{self._offset(base, 'j', 'i')}]"
        return f"{self.place(node)}[{self._offset(node, 'i', 'j')}]"

    def _offset(self, node: Node, i: str, j: str) -> str:
        leading = self.layout.memory.leading.get(id(node))
        one_row, one_column = _known(node.rows) == 1, _known(node.columns) == 1
        if one_row and one_column:
            return "0"
        if one_row or one_column:
            axis = j if one_row else i
            return axis if leading in (None, 1) else f"{axis} * {leading}LL"
        return f"{i} * {leading or node.columns}LL + {j}"

    def scalar(self, node: Node) -> str:
        """Return the expression of a single number in device memory."""
        at = self.layout.scalars.setdefault(id(node), len(self.layout.scalars))
        return f"*({type_of(node.dtype)}*)({self.use('scalars')} + {at})"

    # --- numbers that every thread knows

    def head(self, name: str, declaration: str) -> str:
        """Declare a constant once, at the start of the kernel, and return its name."""
        self._head.setdefault(name, f"const {declaration};")
        return name

    def declare(self, name: str, declaration: str) -> None:
        """Declare a thread's own variable once, at the start of the kernel."""
        self._head.setdefault(name, declaration)

    def step(self) -> str:
        """Return the variable of the step's number."""
        return self.head("s", f"int s = *{self.use('counter')}")

    def length(self, n: Any) -> str:
        """Return the expression of a length; the number of examples is that of the step."""
        return self._examples(n.name) if isinstance(n, Size) else str(n)

    def _examples(self, name: str) -> str:
        if name != "N":
            raise TraceError("the total number of examples, which CUDA kernels do not know")
        self.step()
        starts = self.use("starts")
        return self.head(name, f"long long {name} = {starts}[s + 1] - {starts}[s]")

    def number(self, node: Node) -> str:
        """Return the expression of a number of the host, which is computed in double."""
        if node.op == "constant":
            return constant(node.attr, node.dtype)
        if node.op == "size":
            return f"(double){self._examples(node.attr)}"
        if node.op == "input":
            self.step()
            at = f"s * {self.layout.n_coefficients} + {node.attr[1:]}"
            return self.head(node.attr, f"double {node.attr} = {self.use('coefficients')}[{at}]")
        value = expression(node, [self.number(arg) for arg in node.args])
        return self.head(
            self.name_of(node), f"{type_of(node.dtype)} {self.name_of(node)} = {value}"
        )

    def end_step(self, total: Node) -> None:
        """Write the step's loss and the next step's number, when no block needs the old number."""
        blocks, ticket = self.grid[0] * self.grid[1], self.layout.tickets(1)
        known = total.op == "constant" or is_number(total)
        value = self.number(total) if known else self.entry(total)
        self.step()
        self.write(f"if (last_of({blocks}, {self.use('tickets')} + {ticket})) {{")
        self.write("if (threadIdx.x == 0 && threadIdx.y == 0) {")
        self.write(f"{self.use('totals')}[s] = {value};")
        self.write(f"*{self.use('counter')} = s + 1;")
        self.write("}")
        self.write("}")

    def name_of(self, node: Node) -> str:
        """Return the variable of a node."""
        return self.layout.names[id(node)]


def _known(length: Any) -> Any:
    return length if isinstance(length, int) else None

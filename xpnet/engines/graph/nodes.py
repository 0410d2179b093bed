"""The graph of a computation: Array API code records its operations instead of running them.

A `Node` stands for an array that has not been computed. Code written against the Array API runs on
nodes as it runs on arrays, with `xpnet.engines.graph.namespace` as their namespace. The result is
the graph of its operations. Equal operations on equal nodes give the same node, so a repeated
expression is computed once.

Every node is laid out in a plane of rows and columns, with examples as rows:

    ()  → (1, 1)       (n,) → (1, n)       (N,) → (N, 1)       (a, b) → (a, b)

where N, the number of examples in a batch, is a `Size`: a number that is not known yet. Arrays of
three axes (stacks) cannot be laid out in this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xpnet.engines.graph.operations import binary, unary
from xpnet.engines.graph.shapes import FLOATS, Shape, TraceError, same_length

__all__ = ["Graph", "Node", "Size", "is_scalar", "same_plane", "topological", "without_axes"]


class Size:
    """A length that is known only when the code runs."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __repr__(self) -> str:
        return self.name

    def node(self) -> Node:
        """Return the length as a node of a single number."""
        return self.graph.add("size", (), (), "weak", self.name)

    def __add__(self, other: Any) -> Any:
        return self.node() + other

    def __sub__(self, other: Any) -> Any:
        return self.node() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.node()

    def __mul__(self, other: Any) -> Any:
        return self.node() * other

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self.node() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.node()

    def __gt__(self, other: Any) -> Any:
        return self.node() > other

    def __eq__(self, other: Any) -> bool:
        return self is other or self.__bool__()

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TraceError("the code looks at the number of examples")

    __int__ = __index__ = __float__ = __bool__


class Graph:
    """Holds the nodes of a computation, each once."""

    def __init__(self) -> None:
        self._nodes: dict[Any, Node] = {}
        self.parts: set[int] = set()  # ids of nodes computed in place in a concatenation

    def add(
        self, op: str, args: Sequence[Node], shape: Shape, dtype: str, attr: Any = None
    ) -> Node:
        """Return the node of this operation; create it if there is none yet."""
        if len(shape) > 2:
            raise TraceError(f"an array of {len(shape)} axes; compiled steps support at most two")
        key = (op, tuple(map(id, args)), tuple(map(_hashable, shape)), dtype, _hashable(attr))
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Node(self, op, tuple(args), tuple(shape), dtype, attr)
        return found

    def copy(self, x: Node) -> Node:
        """Return a node with the values of x in its own memory."""
        return self.add("same", (x,), x.shape, x.dtype, ("copy", len(self._nodes)))

    def in_memory(self, x: Node) -> Node:
        """Return x, or a copy if its entries are not in order in memory, as a view needs them."""
        return self.copy(x) if x.op in ("transpose", "iota", "constant") else x

    def part(self, x: Node) -> Node:
        """Return x as a part of a concatenation, to be computed in place there.

        If x is a vector that flattens a matrix, the matrix is computed in place. If neither can be
        computed in place, the part is a copy.
        """
        base = home = without_axes(x)
        if base.op == "view" and base.attr == ("reshape",) and x.ndim == 1:
            base = base.args[0]
        if base.op in ("input", "view", "transpose", "constant", "iota") or id(base) in self.parts:
            home = base = self.copy(x)
        self.parts.add(id(base))
        return home

    def constant(self, value: Any, like: Node) -> Node:
        """Return a Python number as a node, for an operation with ``like``."""
        if isinstance(value, Node):
            return value
        if isinstance(value, Size):
            return value.node()
        if isinstance(value, bool):
            return self.add("constant", (), (), "bool", value)
        if isinstance(value, int) and like.dtype not in FLOATS:
            if like.dtype == "bool":
                raise TraceError("an operation combines an integer with an array of bool")
            return self.add("constant", (), (), like.dtype, value)
        if isinstance(value, (int, float)):
            return self.add("constant", (), (), "weak", float(value))
        raise TraceError(
            f"an operation combines a value of type {type(value).__name__} with an array of the "
            "step"
        )


def _hashable(x: Any) -> Any:
    """Return a key that distinguishes 0.0 from −0.0, and 1 from True."""
    return (type(x), repr(x)) if isinstance(x, (int, float)) else id(x) if _by_id(x) else x


def _by_id(x: Any) -> bool:
    return isinstance(x, (Size, Node))


class Node:
    """A recorded array: the result of an operation that has not been computed."""

    __slots__ = ("args", "attr", "dtype", "graph", "op", "shape")
    device = None

    def __init__(
        self, graph: Graph, op: str, args: tuple[Node, ...], shape: Shape, dtype: str, attr: Any
    ) -> None:
        self.graph, self.op, self.args = graph, op, args
        self.shape, self.dtype, self.attr = shape, dtype, attr

    def __repr__(self) -> str:
        return "a Python number" if self.dtype == "weak" else f"array {self.shape} of {self.dtype}"

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def rows(self) -> Any:
        """The number of rows in the plane."""
        if self.ndim == 2:
            return self.shape[0]
        return self.shape[0] if self.ndim == 1 and isinstance(self.shape[0], Size) else 1

    @property
    def columns(self) -> Any:
        """The number of columns in the plane."""
        if self.ndim == 2:
            return self.shape[1]
        return 1 if self.ndim == 0 or isinstance(self.shape[0], Size) else self.shape[0]

    # --- operators; an operation in place, such as +=, gives a new node under the old name

    def _binary(self, op: str, other: Any, swapped: bool = False) -> Node:
        other = self.graph.constant(other, self)
        return binary(op, other, self) if swapped else binary(op, self, other)

    def __add__(self, other: Any) -> Node:
        return self._binary("add", other)

    def __radd__(self, other: Any) -> Node:
        return self._binary("add", other, True)

    def __sub__(self, other: Any) -> Node:
        return self._binary("subtract", other)

    def __rsub__(self, other: Any) -> Node:
        return self._binary("subtract", other, True)

    def __mul__(self, other: Any) -> Node:
        return self._binary("multiply", other)

    def __rmul__(self, other: Any) -> Node:
        return self._binary("multiply", other, True)

    def __truediv__(self, other: Any) -> Node:
        return self._binary("divide", other)

    def __rtruediv__(self, other: Any) -> Node:
        return self._binary("divide", other, True)

    def __pow__(self, other: Any) -> Node:
        return self._binary("pow", other)

    def __and__(self, other: Any) -> Node:
        return self._binary("bitwise_and", other)

    def __or__(self, other: Any) -> Node:
        return self._binary("bitwise_or", other)

    def __xor__(self, other: Any) -> Node:
        return self._binary("bitwise_xor", other)

    def __rshift__(self, other: Any) -> Node:
        return self._binary("bitwise_right_shift", other)

    def __lt__(self, other: Any) -> Node:
        return self._binary("less", other)

    def __le__(self, other: Any) -> Node:
        return self._binary("less_equal", other)

    def __gt__(self, other: Any) -> Node:
        return self._binary("greater", other)

    def __ge__(self, other: Any) -> Node:
        return self._binary("greater_equal", other)

    def __eq__(self, other: Any) -> Node:  # type: ignore[override]
        return self._binary("equal", other)

    def __ne__(self, other: Any) -> Node:  # type: ignore[override]
        return self._binary("not_equal", other)

    __hash__ = object.__hash__

    def __neg__(self) -> Node:
        return unary("negative", self)

    def __invert__(self) -> Node:
        if self.dtype != "bool":
            raise TraceError(f"~ of an array of {self.dtype}")
        return unary("logical_not", self)

    # --- shapes

    @property
    def mT(self) -> Node:
        """The transpose."""
        if self.ndim != 2:
            raise TraceError("mT needs two axes")
        if self.op == "transpose":
            return self.args[0]
        return self.graph.add(
            "transpose", (self.graph.in_memory(self),), self.shape[::-1], self.dtype
        )

    def __getitem__(self, key: Any) -> Node:
        from xpnet.engines.graph.indexing import index

        return index(self, key)

    # --- operations that need values, which a recorded array lacks

    def __bool__(self) -> bool:
        raise TraceError("the code looks at the value of an array")

    __int__ = __index__ = __float__ = __bool__

    def __iter__(self) -> Any:
        raise TraceError("the code iterates over an array")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TraceError("the code passes an array to NumPy")


def without_axes(node: Node) -> Node:
    """Return the node behind reshapes that only add or drop an axis of length 1."""
    while node.op == "same" and node.attr is None and same_plane(node, node.args[0]):
        node = node.args[0]
    return node


def same_plane(a: Node, b: Node) -> bool:
    """Whether two nodes have the same numbers of rows and columns."""
    return same_length(a.rows, b.rows) and same_length(a.columns, b.columns)


def is_scalar(node: Node) -> bool:
    """Whether the node is a single number."""
    return same_length(node.rows, 1) and same_length(node.columns, 1)


def topological(roots: Iterable[Node]) -> list[Node]:
    """Return the roots and all nodes they need, each after its arguments."""
    order: list[Node] = []
    seen: set[int] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((arg, False) for arg in reversed(node.args))
    return order

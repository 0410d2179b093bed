"""An Array API namespace for recorded arrays, and a backend that uses it.

The namespace has the functions that the passes, losses, layers and optimizers of xpnet use. Any
other function raises a `TraceError`; the code then runs as plain Array API code.
"""

from __future__ import annotations

from typing import Any

from xpnet.engines.graph.indexing import reshape
from xpnet.engines.graph.nodes import Graph, Node, Size
from xpnet.engines.graph.operations import FUNCTIONS, binary, cast, unary
from xpnet.engines.graph.shapes import FLOATS, TraceError, broadcast, promote, same_length

__all__ = ["Namespace", "TraceBackend"]

_UNARY = (*FUNCTIONS, "square", "sign", "negative")
_TESTS = ("isnan", "isfinite", "logical_not")
_BINARY = (
    "add", "subtract", "multiply", "divide", "pow", "maximum", "minimum", "less", "less_equal",
    "greater", "greater_equal", "equal", "not_equal",
)  # fmt: skip
_REDUCTIONS = ("sum", "max", "min")


class Namespace:
    """The functions of the Array API standard, on nodes of one graph."""

    bool, int32, int64, float32, float64 = "bool", "int32", "int64", "float32", "float64"
    exact_sums = True  # sums over examples or a single row are float64 (`xpnet.equations.sums`)

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getattr__(self, name: str) -> Any:
        if name in _UNARY:
            return lambda x: unary(name, x)
        if name in _TESTS:
            return lambda x: unary(name, x, "bool")
        if name in _BINARY:
            return lambda a, b: _binary(name, a, b)
        if name in ("logical_and", "logical_or"):
            return lambda a, b: _binary("bitwise" + name[7:], a, b)
        if name in _REDUCTIONS:
            return lambda x, axis=None, keepdims=False: self._reduce(name, x, axis, keepdims)
        raise TraceError(f"the function {name}, which compiled steps do not support")

    # --- making arrays

    def full(self, shape: Any, value: Any, *, dtype: Any = None, device: Any = None) -> Node:
        """Return an array filled with one number."""
        shape = shape if isinstance(shape, tuple) else (shape,)
        return self._graph.add("constant", (), shape, dtype or "float64", float(value))

    def ones(self, shape: Any, *, dtype: Any = None, device: Any = None) -> Node:
        """Return an array of ones."""
        return self.full(shape, 1.0, dtype=dtype)

    def zeros(self, shape: Any, *, dtype: Any = None, device: Any = None) -> Node:
        """Return an array of zeros."""
        return self.full(shape, 0.0, dtype=dtype)

    def zeros_like(self, x: Node) -> Node:
        """Return zeros in the shape and dtype of x."""
        return self.full(x.shape, 0.0, dtype=x.dtype)

    def full_like(self, x: Node, value: Any) -> Node:
        """Return an array filled with one number, in the shape and dtype of x."""
        return self.full(x.shape, value, dtype=x.dtype)

    def ones_like(self, x: Node) -> Node:
        """Return ones in the shape and dtype of x."""
        return self.full(x.shape, 1.0, dtype=x.dtype)

    def asarray(self, x: Node, *, copy: Any = None, dtype: Any = None, device: Any = None) -> Node:
        """Return x, cast if needed; nodes are never overwritten, so x serves as its own copy."""
        x = self._graph.constant(x, x)
        return x if dtype is None else cast(x, dtype)

    def arange(self, n: Any, *, dtype: Any = None, device: Any = None) -> Node:
        """Return the numbers 0 … n − 1."""
        return self._graph.add("iota", (), (n,), dtype or "int64")

    # --- elementwise

    def astype(self, x: Node, dtype: str, copy: Any = None) -> Node:
        """Return x in a different dtype."""
        return cast(x, dtype)

    def where(self, condition: Node, a: Any, b: Any) -> Node:
        """Return the entries of a where the condition holds, else those of b."""
        like = next((x for x in (a, b) if isinstance(x, Node)), None)
        if like is None:
            raise TraceError("where with two numbers")
        a, b = self._graph.constant(a, like), self._graph.constant(b, like)
        dtype = promote(a.dtype, b.dtype)
        shape = broadcast(condition.shape, broadcast(a.shape, b.shape))
        return self._graph.add("where", (condition, cast(a, dtype), cast(b, dtype)), shape, dtype)

    def clip(self, x: Node, min: Any = None, max: Any = None) -> Node:
        """Limit x to the range between two bounds."""
        x = x if min is None else _binary("maximum", x, min)
        return x if max is None else _binary("minimum", x, max)

    def sinh(self, x: Node) -> Node:
        """Return ½ (eˣ − e⁻ˣ), by expm1, which avoids cancellation for small x."""
        twice: Node = self.expm1(x) - self.expm1(-x)
        return twice * 0.5

    def logaddexp(self, a: Node, b: Node) -> Node:
        """Return ln(eᵃ + eᵇ); for two equal infinities, whose difference is NaN, that infinity."""
        apart = self.where(a == b, 0.0, a - b)
        found: Node = self.maximum(a, b) + self.log1p(self.exp(-self.abs(apart)))
        return found

    # --- reductions over an axis

    def vecdot(self, a: Node, b: Node, *, axis: int = -1) -> Node:
        """Return Σ a b, the sum of products along an axis."""
        return self._reduce("sum", a * b, axis, False)

    def _reduce(self, op: str, x: Node, axis: Any, keepdims: Any, over: str | None = None) -> Node:
        """Reduce x along an axis.

        The result has the dtype of x, or int64 for argmax. ``over``, if given, is the dtype of a
        reduction over rows.
        """
        if x.ndim == 2 and (axis is None or axis == (-2, -1)):
            whole = self._reduce(op, self._reduce(op, x, -1, True), -2, True)
            return whole if keepdims else reshape(whole, ())
        if axis is None:
            axis = -1
        if x.ndim == 0 or not isinstance(axis, int) or axis not in range(-x.ndim, x.ndim):
            raise TraceError(f"{op} over axis {axis} of {x.ndim} axes")
        axis %= x.ndim
        if x.dtype not in FLOATS:
            raise TraceError(f"{op} of {x.dtype}")
        if same_length(x.shape[axis], 1):
            alone = self.full(x.shape, 0, dtype="int64") if op == "argmax" else x
            return alone if keepdims else reshape(alone, x.shape[:axis] + x.shape[axis + 1 :])
        over_rows = axis == 0 and (x.ndim == 2 or isinstance(x.shape[0], Size))
        kept = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
        shape = kept if keepdims else tuple(n for i, n in enumerate(x.shape) if i != axis)
        dtype = "int64" if op == "argmax" else (over_rows and over) or x.dtype
        if over_rows and op != "sum":
            raise TraceError(f"{op} over the first axis")
        node = self._graph.add(f"{op}_rows" if over_rows else op, (x,), kept, dtype)
        return reshape(node, shape)

    def mean(self, x: Node, *, axis: Any = None, keepdims: Any = False) -> Node:
        """Return Σ x / n along an axis.

        Over examples it is computed in float64, so that the mean of equal numbers is that number.
        """
        if axis is None and x.ndim != 1:
            raise TraceError("a mean over both axes")
        n = x.shape[-1 if axis is None else axis]
        total = self._reduce("sum", x, axis, keepdims, "float64")
        found: Node = self.astype(total / n, x.dtype)
        return found

    def argmax(self, x: Node, *, axis: Any = None, keepdims: Any = False) -> Node:
        """Return the index of the first largest entry of each row."""
        return self._reduce("argmax", x, axis, keepdims)

    # --- products and shapes

    def matmul(self, a: Node, b: Node) -> Node:
        """Return the product a b; if a is a row of ones, that is the sum of b over its rows."""
        if a.ndim != 2 or b.ndim != 2 or a.dtype != b.dtype or a.dtype not in FLOATS:
            raise TraceError(f"a product of {a} and {b}")
        if not same_length(a.shape[1], b.shape[0]):
            raise TraceError(f"a product of {a} and {b}")
        if a.op == "constant" and a.attr == 1.0 and same_length(a.rows, 1):
            return self._reduce("sum", b, -2, True)
        a, b = (self._graph.copy(x) if x.op == "constant" else x for x in (a, b))
        return self._graph.add("matmul", (a, b), (a.shape[0], b.shape[1]), a.dtype)

    def matrix_transpose(self, x: Node) -> Node:
        """Return the transpose of x."""
        return x.mT

    def reshape(self, x: Node, shape: Any) -> Node:
        """Return x in a different shape."""
        return reshape(x, shape)

    def broadcast_to(self, x: Node, shape: tuple[Any, ...]) -> Node:
        """Repeat x along its axes of length 1 to get that shape."""
        broadcast(x.shape, shape)
        return x.graph.add("same", (x,), shape, x.dtype)

    def concat(self, parts: Any, *, axis: int = 0) -> Node:
        """Concatenate the parts along the last axis."""
        parts = list(parts)
        parts = [p for p in parts if not same_length(p.shape[-1], 0)]
        first: Node = parts[0]
        if axis not in (-1, first.ndim - 1) or isinstance(first.shape[-1], Size):
            raise TraceError(f"concat along axis {axis}")
        if len(parts) == 1:
            return first
        shape = (*first.shape[:-1], sum(p.shape[-1] for p in parts))
        parts = [self._graph.part(part) for part in parts]
        return self._graph.add("concat", parts, shape, first.dtype)

    def stack(self, parts: Any, *, axis: int = 0) -> Node:
        """Stack the parts as columns, side by side."""
        if axis != -1:
            raise TraceError(f"stack along axis {axis}")
        return self.concat([part[..., None] for part in parts], axis=-1)


def _binary(op: str, a: Any, b: Any) -> Node:
    like = a if isinstance(a, Node) else b
    if not isinstance(like, Node):
        raise TraceError(f"{op} of two numbers")
    return binary(op, like.graph.constant(a, like), like.graph.constant(b, like))


class TraceBackend:
    """A backend (`xpnet.backends.Backend`) for recorded arrays, as far as the passes need it."""

    name = "trace"
    device = None
    in_place = False

    def __init__(self, graph: Graph) -> None:
        self.xp = Namespace(graph)

    def matmul(self, a: Node, b: Node, out: Any = None) -> Node:
        """Return the product a b."""
        return self.xp.matmul(a, b)

    def take(self, x: Node, index: Node) -> Node:
        """Return the rows x[index]."""
        return x.graph.add("take", (x, index), (*index.shape, *x.shape[1:]), x.dtype)

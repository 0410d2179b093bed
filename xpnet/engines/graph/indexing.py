"""Index and reshape recorded arrays, without copying where possible.

A node of op "view" uses the storage of its argument with different rows and columns. Its ``attr``
says how the view is made:

    ("columns", start, stop)     x[..., start:stop]
    ("column", c)                x[..., c], where x has two axes
    ("reshape",)                 the same entries in the same order

A reshape that only drops or adds an axis of length 1 is of op "same": it has no storage of its own.
"""

from __future__ import annotations

import math
from typing import Any

from xpnet.engines.graph.nodes import Node, Size, same_plane
from xpnet.engines.graph.shapes import TraceError, same_length, same_shape

__all__ = ["index", "reshape"]


def index(x: Node, key: Any) -> Node:
    """Return x[key]; a key has ``...``, full slices, None, and at the end a slice or an integer."""
    parts = list(key) if isinstance(key, tuple) else [key]
    n_axes = x.ndim + sum(part is None for part in parts)
    if Ellipsis in [p for p in parts if p is Ellipsis or p is None]:
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (n_axes - len(parts) + 1)
    parts += [slice(None)] * (n_axes - len(parts))
    last = parts[-1] if parts else None
    if None in [p for p in parts if p is None]:
        return _with_new_axes(x, parts)
    if any(not _is_full(p) for p in parts[:-1]):
        raise TraceError(f"the index {key}")
    if isinstance(last, slice):
        return _columns(x, last)
    if isinstance(last, int):
        return _column(x, last)
    raise TraceError(f"the index {key}")


def _is_full(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


def _with_new_axes(x: Node, parts: list[Any]) -> Node:
    if any(p is not None and not _is_full(p) for p in parts):
        raise TraceError("a new axis together with a slice")
    lengths = iter(x.shape)
    shape = tuple(1 if p is None else next(lengths) for p in parts)
    return same_or_view(x, shape)


def _column(x: Node, at: int) -> Node:
    """Return x[..., at]."""
    length = x.shape[-1]
    if isinstance(length, Size):
        raise TraceError("the code reads a single example")
    if not -length <= at < length:
        raise TraceError(f"the column {at} of {length}")
    if length == 1:  # x without its last axis; a view would be as long as one row
        return same_or_view(x, x.shape[:-1])
    return _view(x, x.shape[:-1], ("column", at % length))


def _columns(x: Node, part: slice) -> Node:
    length = x.shape[-1]
    if _is_full(part):
        return x
    if isinstance(length, Size):
        raise TraceError("the code slices the examples")
    start, stop, step = part.indices(length)
    if step != 1:
        raise TraceError("a slice with a step")
    if (start, stop) == (0, length):
        return x
    shape = (*x.shape[:-1], max(stop - start, 0))
    return _view(x, shape, ("columns", start, max(stop, start)))


def _view(x: Node, shape: tuple[Any, ...], how: tuple[Any, ...]) -> Node:
    """Return a view of x, or of a part of it, in the memory of x."""
    if x.op == "constant":
        return x.graph.add("constant", (), shape, x.dtype, x.attr)
    return x.graph.add("view", (x.graph.in_memory(x),), shape, x.dtype, how)


def reshape(x: Node, shape: Any) -> Node:
    """Return x in a different shape; a length of −1 follows from the others."""
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if any(same_length(n, -1) for n in shape):
        known = [n for n in shape if not same_length(n, -1)]
        if any(isinstance(n, Size) for n in (*known, *x.shape)):
            raise TraceError("a length of −1 that depends on the number of examples")
        rest = math.prod(x.shape) // max(math.prod(known), 1)
        shape = tuple(rest if same_length(n, -1) else n for n in shape)
    if same_shape(shape, x.shape):
        return x
    return same_or_view(x, shape)


def same_or_view(x: Node, shape: tuple[Any, ...]) -> Node:
    """Return x in that shape; no view is needed if its rows and columns stay the same."""
    if x.op == "constant":
        return x.graph.add("constant", (), shape, x.dtype, x.attr)
    if x.op == "same":
        x = x.args[0]
        if same_shape(shape, x.shape):
            return x
    alias = x.graph.add("same", (x,), shape, x.dtype)
    if same_plane(alias, x):
        return alias
    if any(isinstance(n, Size) for n in (*shape, *x.shape)):
        raise TraceError("a reshape of examples")
    if x.op == "view" and x.attr != ("reshape",) and x.args[0].ndim == 2:
        x = x.graph.copy(x)  # a copy, whose rows are contiguous
    return _view(x, shape, ("reshape",))

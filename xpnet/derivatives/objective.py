"""The mean loss over fixed examples as a function of θ, with its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from xpnet.backends import Backend, move
from xpnet.backends.sparse import SparseRows
from xpnet.checks.inputs import Examples
from xpnet.derivatives.gradient import gradient
from xpnet.equations.parameters import Layers, layout
from xpnet.losses import Loss
from xpnet.typing import Array

__all__ = ["objective"]

_NUMBERS = 2**21
"""The numbers in a part of a sparse X, once it is dense."""


def objective(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    dtype: str,
    stats: tuple[Array, ...],
    data: Examples,
    penalty: Any = None,
) -> Callable[[Any], tuple[Any, Any]]:
    """Return θ ↦ (mean loss plus penalty, its gradient as a new array), on the device.

    A sparse X is made dense in parts, whose losses and gradients are added up.
    """
    X, Y, w = data[:3]
    scale = 1.0 / (X.shape[0] if w is None else float(w.sum()))
    w = None if w is None else move(backend, w, dtype)
    xp, where = backend.xp, layout(layers)
    penalty = penalty and penalty.in_unit(data.unit)

    def value_and_gradient(theta: Array) -> tuple[Array, Array]:
        total, g = 0.0, None
        for x, y, v in _parts(backend, X, Y, w):
            out = _buffer(backend, theta)
            more, dg, _ = gradient(backend, layers, loss, theta, x, y, v, scale, out, stats)
            total, g = (more, dg) if g is None else (total + more, g + dg)
        if penalty is None:
            return total * scale, g
        factor = scale if penalty.of_sum else 1.0
        value = total * scale + penalty.value(xp, theta, where) * factor
        return value, penalty.add_gradient(xp, theta, g, where, backend.in_place, factor)

    return value_and_gradient


def _buffer(backend: Backend, theta: Array) -> Any:
    """A new array for a gradient, if the backend can write into one."""
    return backend.xp.empty_like(theta) if backend.in_place else None


def _parts(backend: Backend, X: Any, Y: Array, w: Array | None) -> Iterator[tuple[Any, ...]]:
    """All examples at once, or if X is sparse, as many at a time as take little memory."""
    if not isinstance(X, SparseRows):
        yield X, Y, w
        return
    n = max(1, _NUMBERS // X.shape[1])
    for start in range(0, len(X), n):
        part = slice(start, min(start + n, len(X)))
        x = move(backend, X[part])
        yield x, move(backend, Y[part, ...]), None if w is None else w[part]

"""The mean loss over fixed examples as a function of θ, with its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xpnet.backends import Backend, move
from xpnet.checks.inputs import Examples
from xpnet.derivatives.gradient import gradient
from xpnet.equations.parameters import Layers, layout
from xpnet.losses import Loss
from xpnet.typing import Array

__all__ = ["objective"]


def objective(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    dtype: str,
    stats: tuple[Array, ...],
    data: Examples,
    penalty: Any = None,
) -> Callable[[Any], tuple[Any, Any]]:
    """Return θ ↦ (mean loss plus penalty, its gradient as a new array), on the device."""
    X, Y, w = data[:3]
    scale = 1.0 / (X.shape[0] if w is None else float(w.sum()))
    w = None if w is None else move(backend, w, dtype)
    xp, where = backend.xp, layout(layers)

    def value_and_gradient(theta: Array) -> tuple[Array, Array]:
        out = xp.empty_like(theta) if backend.in_place else None
        total, g, _ = gradient(backend, layers, loss, theta, X, Y, w, scale, out, stats)
        if penalty is None:
            return total * scale, g
        value = total * scale + penalty.value(xp, theta, where)
        return value, penalty.add_gradient(xp, theta, g, where, backend.in_place)

    return value_and_gradient

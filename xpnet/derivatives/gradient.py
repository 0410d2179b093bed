"""The loss of a batch and its gradient: forward pass, dZ_L from the loss, backward pass."""

from __future__ import annotations

from typing import Any

from xpnet.backends.base import Backend
from xpnet.equations import passes
from xpnet.equations.parameters import Layers
from xpnet.equations.protocol import INFERENCE, Context
from xpnet.losses import Loss, from_preactivation
from xpnet.typing import Array

__all__ = ["gradient"]


def gradient(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    theta: Array,
    X: Array,
    Y: Array,
    w: Array,
    scale: Any,
    out: Array | None = None,
    stats: tuple[Array, ...] = (),
    ctx: Context = INFERENCE,
) -> tuple[Array, Array, tuple[Array, ...]]:
    """Return Σ w_n loss_n, the gradient of scale · Σ w_n loss_n by θ, and the statistics.

    ``scale`` is 1/Σw for the mean loss, and 1 for sums that the caller adds up.
    """
    trace = passes.forward(backend, layers, theta, X, stats, ctx)
    output = layers[-1].activation
    total, dZ = from_preactivation(backend.xp, loss, output, trace.Z, Y, w, scale)
    return total, passes.backward(backend, layers, trace, dZ, out), trace.stats

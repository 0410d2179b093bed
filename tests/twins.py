"""Any network of xpnet's layers once more in torch: functions of the same θ, for its autograd.

A layer of that kind is torch's own (`torch.nn.functional`) with the parameters that lie in its
slots of θ; masks and running statistics come from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F

from xpnet.protocol import BoundLayer

__all__ = ["ACTIVATIONS", "preactivation"]

Mask = Callable[[Any], torch.Tensor]

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": lambda z: z,
    "relu": F.relu,
    "leaky_relu": partial(F.leaky_relu, negative_slope=0.01),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": partial(F.softplus, threshold=1000.0),  # 20 would cut it off
    "exp": torch.exp,
    "softmax": partial(torch.softmax, dim=-1),
}


def preactivation(
    layers: tuple[BoundLayer, ...],
    theta: torch.Tensor,
    X: torch.Tensor,
    stats: tuple[torch.Tensor, ...] = (),
    mask: Mask | None = None,
) -> torch.Tensor:
    """Z_L in training; the running statistics (n,) are updated in place."""
    A, rest = X, iter(stats)
    for layer in layers[:-1]:
        A = _outputs(layer, theta, A, rest, mask)
    W, b = _parts(layers[-1].slots, theta)
    return F.linear(A, W, b[0])


def _parts(slots: Any, theta: torch.Tensor) -> list[torch.Tensor]:
    return [theta[s.offset : s.offset + s.size].reshape(s.shape) for s in slots]


def _outputs(
    layer: Any, theta: torch.Tensor, A: torch.Tensor, stats: Iterator[Any], mask: Mask | None
) -> torch.Tensor:
    if layer.kind == "dense":
        W, b = _parts(layer.slots, theta)
        return ACTIVATIONS[layer.activation.name](F.linear(A, W, b[0]))
    if layer.kind == "dropout":
        assert mask is not None
        return A * mask(layer)
    if layer.kind == "layer norm":
        gain, shift = _parts(layer.slots, theta)
        return F.layer_norm(A, (layer.fan_in,), gain[0], shift[0], layer.epsilon)
    if layer.kind == "batch norm":
        gain, shift = _parts(layer.slots, theta)
        settings = {"training": True, "momentum": layer.momentum, "eps": layer.epsilon}
        return F.batch_norm(A, next(stats), next(stats), gain[0], shift[0], **settings)
    if layer.kind == "embedding":
        tables = _parts(layer.slots, theta)
        columns = zip(layer.columns, tables, strict=True)
        vectors = [F.embedding(A[:, column].long(), E) for column, E in columns]
        return torch.cat([A[:, list(layer.numeric)], *vectors], dim=1)
    assert layer.kind == "residual"
    B = A
    for inner in layer.children:
        B = _outputs(inner, theta, B, stats, mask)
    return B + (A if layer.projection is None else F.linear(A, *_parts([layer.projection], theta)))

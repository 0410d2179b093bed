"""xpnet's networks written again in torch as functions of the same θ, for torch's autograd.

Layers are functions of `torch.nn.functional`; their parameters are slots of θ. Masks and running
statistics are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from xpnet.equations.masks import keep, key_of
from xpnet.equations.protocol import BoundLayer

__all__ = ["ACTIVATIONS", "Mask", "mask_of", "preactivation"]

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
    "softplus": partial(F.softplus, threshold=1000.0),  # the default, 20, is linear above it
    "exp": torch.exp,
    "softmax": partial(torch.softmax, dim=-1),
}


def mask_of(seed: int, epoch: int, rows: np.ndarray[Any, Any]) -> Mask:
    """Return a function that gives each dropout layer's factors of the examples in ``rows``."""

    def mask(layer: Any) -> torch.Tensor:
        kept = keep(np, key_of(seed, epoch), layer.number, rows, layer.fan_in, layer.rate)
        return torch.tensor(kept / (1.0 - layer.rate))

    return mask


def preactivation(
    layers: tuple[BoundLayer, ...],
    theta: torch.Tensor,
    X: torch.Tensor,
    stats: list[torch.Tensor],
    mask: Mask | None,
) -> torch.Tensor:
    """Return Z_L; with a mask as in training, which updates the statistics in place."""
    within = _Chain(theta, iter(stats), mask)
    W, b = within.parameters(layers[-1].slots)
    return F.linear(within.outputs(layers[:-1], X), W, b[0])


class _Chain(NamedTuple):
    """The arguments that all layers share."""

    theta: torch.Tensor
    stats: Iterator[torch.Tensor]
    mask: Mask | None

    def parameters(self, slots: Any) -> list[torch.Tensor]:
        return [self.theta[s.offset : s.offset + s.size].reshape(s.shape) for s in slots]

    def outputs(self, layers: Any, A: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            A = self._output(layer, A)
        return A

    def _output(self, layer: Any, A: torch.Tensor) -> torch.Tensor:
        if layer.kind == "residual":
            B = self.outputs(layer.children, A)
            around = [] if layer.projection is None else self.parameters([layer.projection])
            return B + (F.linear(A, *around) if around else A)
        p = self.parameters(layer.slots)
        if layer.kind == "dense":
            return ACTIVATIONS[layer.activation.name](F.linear(A, p[0], p[1][0]))
        if layer.kind == "layer norm":
            return F.layer_norm(A, (layer.fan_in,), p[0][0], p[1][0], layer.epsilon)
        if layer.kind == "batch norm":
            running = next(self.stats)[0], next(self.stats)[0], p[0][0], p[1][0]
            return F.batch_norm(A, *running, self.mask is not None, layer.momentum, layer.epsilon)
        if layer.kind == "embedding":
            columns = zip(layer.columns, p, strict=True)
            vectors = [F.embedding(A[:, column].long(), E) for column, E in columns]
            return torch.cat([A[:, list(layer.numeric)], *vectors], dim=1)
        assert layer.kind == "dropout"
        return A if self.mask is None else A * self.mask(layer)

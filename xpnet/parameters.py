"""θ, one flat vector of all parameters, and its views.

Weights come first and everything else after them:

    θ = [W_1 | W_2 | … | W_L | b_1 | b_2 | … | b_L]        (P,), or (R, P) for a stack of R networks

so that the penalised part is one slice, and an optimizer, a gradient norm or a checkpoint is one
operation on one array. A gradient has the same layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from xpnet.activations import Activation

__all__ = ["Dense", "Layout", "count", "dense_layers", "layout", "pack", "unpack"]


class Dense(NamedTuple):
    """A dense layer A_l = f(A_{l-1} Wᵀ + b): its widths, and where W and b start in θ."""

    fan_in: int
    fan_out: int
    activation: Activation
    weight: int
    bias: int

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.fan_out * (self.fan_in + 1)


Layers = tuple[Dense, ...]


def dense_layers(sizes: Sequence[int], activations: Sequence[Activation]) -> Layers:
    """The layers of widths n_0 … n_L, with the offsets of their parameters."""
    layers = []
    weight, bias = 0, sum(m * n for m, n in pairwise(sizes))
    for (fan_in, fan_out), activation in zip(pairwise(sizes), activations, strict=True):
        layers.append(Dense(fan_in, fan_out, activation, weight, bias))
        weight += fan_in * fan_out
        bias += fan_out
    return tuple(layers)


class Layout(NamedTuple):
    """Where what lies in θ, for what treats its parts differently.

    Attributes
    ----------
    size : int
        P, the number of parameters.
    n_weights : int
        θ[:n_weights] are weights; after them come biases and gains.
    matrices : tuple of (offset, rows, columns)
        Each weight matrix.
    """

    size: int
    n_weights: int
    matrices: tuple[tuple[int, int, int], ...]


def layout(layers: Layers) -> Layout:
    """The layout of these layers' θ."""
    matrices = tuple((layer.weight, layer.fan_out, layer.fan_in) for layer in layers)
    return Layout(count(layers), sum(m * n for _, m, n in matrices), matrices)


def count(layers: Layers) -> int:
    """P, the number of parameters."""
    return sum(layer.size for layer in layers)


def unpack(xp: Any, layers: Layers, theta: Any) -> tuple[list[Any], list[Any]]:
    """Weights (..., n_l, n_{l-1}) and biases (..., n_l) of each layer, as views of θ (..., P).

    Where the library has no views (JAX) they are slices.
    """
    lead = theta.shape[:-1]
    weights, biases = [], []
    for fan_in, fan_out, _, weight, bias in layers:
        W = theta[..., weight : weight + fan_out * fan_in]
        weights.append(xp.reshape(W, (*lead, fan_out, fan_in)))
        biases.append(theta[..., bias : bias + fan_out])
    return weights, biases


def pack(xp: Any, weights: Sequence[Any], biases: Sequence[Any]) -> Any:
    """A new θ (..., P) from the layers' weights (..., n_l, n_{l-1}) and biases (..., 1, n_l)."""
    return xp.concat([xp.reshape(M, (*M.shape[:-2], -1)) for M in (*weights, *biases)], axis=-1)

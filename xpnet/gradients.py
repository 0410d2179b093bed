"""The gradient of a loss, as one vector and as matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xpnet.parameters import Layers, unpack

__all__ = ["Gradients"]


class Gradients:
    """∂loss/∂θ, which unpacks as ``weight_gradients, bias_gradients``.

    Attributes
    ----------
    weights : tuple of (n_l, n_{l-1}) arrays
        dW_1 … dW_L.
    biases : tuple of (n_l,) arrays
        db_1 … db_L.
    flat : (P,) array
        All of them in the layout of ``net.parameters``; on every backend but JAX the others are
        views of it.
    """

    def __init__(self, xp: Any, layers: Layers, flat: Any) -> None:
        weights, biases = unpack(xp, layers, flat)
        self.flat = flat
        self.weights = tuple(weights)
        self.biases = tuple(biases)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter((self.weights, self.biases))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return (self.weights, self.biases)[index]

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(W.shape)) for W in self.weights)
        return f"Gradients(weights: {shapes}; {self.flat.shape[0]} numbers, {self.flat.dtype})"

"""The gradient of a loss, as one vector and as matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xpnet.parameters import Layers, flatten, view

__all__ = ["Gradients", "dense_parameters"]


def dense_parameters(xp: Any, layers: Layers, flat: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """W_l (n_l, n_{l-1}) and b_l (n_l,) of every dense layer, as views of a vector like θ."""
    dense: list[Any] = [layer for layer in flatten(layers) if layer.kind == "dense"]
    weights = tuple(view(xp, flat, layer.weight) for layer in dense)
    return weights, tuple(view(xp, flat, layer.bias)[..., 0, :] for layer in dense)


class Gradients:
    """∂loss/∂θ, which unpacks as ``weight_gradients, bias_gradients``.

    Attributes
    ----------
    weights : tuple of (n_l, n_{l-1}) arrays
        dW_1 … dW_L, of the dense layers.
    biases : tuple of (n_l,) arrays
        db_1 … db_L.
    flat : (P,) array
        The gradient of every parameter, in the layout of ``net.parameters``; on every backend but
        JAX the others are views of it.
    """

    def __init__(self, xp: Any, layers: Layers, flat: Any) -> None:
        self.flat = flat
        self.weights, self.biases = dense_parameters(xp, layers, flat)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter((self.weights, self.biases))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return (self.weights, self.biases)[index]

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(W.shape)) for W in self.weights)
        return f"Gradients(weights: {shapes}; {self.flat.shape[0]} numbers, {self.flat.dtype})"

"""The gradient of a loss, as one vector and as matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from xpnet import checks
from xpnet.backends import to_numpy
from xpnet.backends.tracked import stored
from xpnet.equations.parameters import Layers, dense_parameters
from xpnet.pickles import Pickled
from xpnet.ranges import items
from xpnet.typing import Array, Host, Namespace

__all__ = ["Gradients", "fill_dense"]


def fill_dense(layers: Layers, flat: Host, weights: Any, biases: Any) -> None:
    """Write every dense layer's W_l and b_l into a host vector like θ.

    Raises
    ------
    ValueError, TypeError
        A number of arrays that is not that of the dense layers, a wrong shape, or no real numbers.
    """
    for name, given, views in zip(
        ("weights", "biases"), (weights, biases), dense_parameters(np, layers, flat), strict=True
    ):
        parts = _as_list(name, given, len(views))
        for l, (part, own) in enumerate(zip(parts, views, strict=True)):
            found = checks.real(f"{name}[{l}]", stored(part))
            if tuple(found.shape) != own.shape:
                hint = checks.turned(f"{name}[{l}]", tuple(found.shape), own.shape)
                raise ValueError(f"{name}[{l}] must be {own.shape}, got {tuple(found.shape)}{hint}")
            own[...] = to_numpy(found)


def _as_list(name: str, given: Any, n: int) -> list[Array]:
    parts = items(f"{name} must be a list of {n} arrays", given)
    if len(parts) != n:
        raise ValueError(f"{name} must have {n} arrays, got {len(parts)}")
    return parts


class Gradients(Pickled):
    """∂loss/∂θ, which unpacks as ``weight_gradients, bias_gradients``.

    Attributes
    ----------
    weights : tuple of (n_l, n_{l-1}) arrays
        dW_1 … dW_L of the dense layers.
    biases : tuple of (n_l,) arrays
        db_1 … db_L of the dense layers.
    flat : (P,) array
        The gradient of every parameter, in the layout of ``net.parameters``. ``weights`` and
        ``biases`` are views of it, except on JAX.
    """

    def __init__(self, xp: Namespace, layers: Layers, flat: Any) -> None:
        self.flat = flat
        self.weights, self.biases = dense_parameters(xp, layers, flat)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        return iter((self.weights, self.biases))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Array, ...]:
        return (self.weights, self.biases)[index]

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(W.shape)) for W in self.weights)
        return f"Gradients(weights: {shapes}; {self.flat.shape[0]} numbers, {self.flat.dtype})"

"""θ, one flat vector of all parameters, and its views.

Weights come first and all other parameters after them, each in the order of the layers:

    θ = [W_1 | W_2 | … | W_L | b_1 | b_2 | … | b_L]        (P,), or (R, P) for a stack of R networks

So the penalised part is one slice, and an optimizer step, a gradient norm or a checkpoint is one
operation on one array. A gradient has the same layout. Views of vectors such as biases are rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xpnet.pickles import made_by
from xpnet.typing import Array, Namespace

if TYPE_CHECKING:
    from xpnet.equations.protocol import BoundLayer

__all__ = [
    "Allocator",
    "Layers",
    "Layout",
    "Slot",
    "check_size",
    "dense_parameters",
    "flatten",
    "for_each",
    "layout",
    "machine_memory",
    "n_networks",
    "pack",
    "slots",
    "unpack",
    "view",
]

Layers = tuple[Any, ...]
"""Bound layers (`xpnet.equations.protocol.BoundLayer`), the last of them dense."""


class Slot(NamedTuple):
    """One parameter: its name, its shape as the passes see it, and its place in θ."""

    name: str
    shape: tuple[int, int]
    offset: int
    is_weight: bool
    is_table: bool = False  # an embedding's rows, not a linear map

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.shape[0] * self.shape[1]


class Allocator:
    """Assigns a place in θ to each parameter, weights first, and a number to each layer.

    Other parameters start after all weights, so a first round must count the weights.
    """

    def __init__(self, n_weights: int = 0) -> None:
        self.weights = 0
        self.others = n_weights
        self.layers = 0

    def weight(self, name: str, rows: int, columns: int, is_table: bool = False) -> Slot:
        """Return the slot of a matrix among the weights."""
        slot = Slot(name, (rows, columns), self.weights, is_weight=True, is_table=is_table)
        self.weights += slot.size
        return slot

    def row(self, name: str, n: int) -> Slot:
        """Return the slot of a row vector after all weights."""
        slot = Slot(name, (1, n), self.others, is_weight=False)
        self.others += n
        return slot

    def number(self) -> int:
        """Return the next layer's number, which its random streams depend on."""
        self.layers += 1
        return self.layers - 1


def flatten(layers: Sequence[BoundLayer]) -> Iterator[BoundLayer]:
    """Every layer, each before the layers within it."""
    for layer in layers:
        yield layer
        yield from flatten(layer.children)


def slots(layers: Sequence[BoundLayer]) -> Iterator[Slot]:
    """Every parameter of the layers, in their order."""
    for layer in layers:
        yield from layer.slots


class Layout(NamedTuple):
    """Where weights and matrices lie in θ, for code that treats the parts of θ differently.

    Attributes
    ----------
    size : int
        P, the number of parameters.
    n_weights : int
        θ[:n_weights] are weights; after them come biases and gains.
    matrices : tuple of (offset, rows, columns)
        Each weight matrix that is a linear map, so not an embedding.
    """

    size: int
    n_weights: int
    matrices: tuple[tuple[int, int, int], ...]

    def __reduce__(self) -> Any:
        return made_by(Layout, *self)


def layout(layers: Layers) -> Layout:
    """The layout of these layers' θ."""
    every = list(slots(layers))
    weights = [slot for slot in every if slot.is_weight]
    return Layout(
        sum(slot.size for slot in every),
        sum(slot.size for slot in weights),
        tuple((slot.offset, *slot.shape) for slot in weights if not slot.is_table),
    )


def check_size(n_parameters: int, dtype: str) -> None:
    """Check that the machine has the memory to draw the parameters.

    Raises
    ------
    MemoryError
        They need more than the host's memory: they are drawn there, in float64.
    """
    needed, there = n_parameters * (8 + int(dtype[-2:]) // 8), machine_memory()
    if there is not None and needed > there:
        raise MemoryError(
            f"the network would have {n_parameters:.4g} parameters, and drawing them takes "
            f"{needed / 1e9:.4g} GB of memory, but this machine has {there / 1e9:.4g}: make the "
            "widths smaller"
        )


def machine_memory() -> int | None:
    """Bytes of the machine's memory; None if the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def unpack(xp: Namespace, layers: Layers, theta: Array) -> list[Array]:
    """Every parameter in the order of the layers, (..., rows, columns): views of θ (..., P).

    If the library has no views (JAX), they are slices.
    """
    return [view(xp, theta, slot) for slot in slots(layers)]


def view(xp: Namespace, theta: Array, slot: Slot) -> Array:
    """One parameter (..., rows, columns)."""
    rows, columns = slot.shape
    part = theta[..., slot.offset : slot.offset + rows * columns]
    return xp.reshape(part, theta.shape[:-1] + slot.shape)


def dense_parameters(
    xp: Namespace, layers: Layers, flat: Any
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """W_l (n_l, n_{l-1}) and b_l (n_l,) of every dense layer, as views of a vector like θ."""
    dense: list[Any] = [layer for layer in flatten(layers) if layer.kind == "dense"]
    weights = tuple(view(xp, flat, layer.weight) for layer in dense)
    return weights, tuple(view(xp, flat, layer.bias)[..., 0, :] for layer in dense)


def n_networks(theta: Array) -> int:
    """1 for θ (P,), R for (R, P)."""
    return 1 if theta.ndim == 1 else int(theta.shape[0])


def for_each(xp: Namespace, theta: Array, x: Array) -> Array:
    """Return x for θ (P,); for θ (R, P), a view of x with a leading axis R."""
    return x if x is None or theta.ndim == 1 else xp.broadcast_to(x, (theta.shape[0], *x.shape))


def pack(xp: Namespace, layers: Layers, parts: Sequence[Any]) -> Array:
    """A new θ (..., P) from every parameter in the order of the layers."""
    placed = sorted(zip(slots(layers), parts, strict=True), key=lambda pair: pair[0].offset)
    return xp.concat([xp.reshape(x, (*x.shape[:-2], -1)) for _, x in placed], axis=-1)

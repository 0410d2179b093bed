"""The interface of a layer, as the passes use it.

A layer that a user writes (`xpnet.layers.Dense(256)`) is a specification. Its ``bind`` makes the
bound layer that the passes use: a hashable NamedTuple of plain numbers, whose methods take inputs
A (..., N, n_in) and outputs B (..., N, n_out).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from xpnet.backends.base import Backend
from xpnet.equations.parameters import Allocator, Slot
from xpnet.equations.returned import ReturnedError, array_like, pair
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.equations.activation import Activation

__all__ = [
    "INFERENCE",
    "PREDICTION",
    "BoundLayer",
    "Context",
    "Defaults",
    "LayerSpec",
    "draws",
    "is_fixed",
    "method",
    "stat_names",
]

Stats = tuple[Any, ...]


class Context(NamedTuple):
    """What layers are told about a pass, apart from its batch.

    Attributes
    ----------
    training : bool
        Whether dropout and batch normalisation act as in training, not as in prediction.
    key : (1,) int32 array or None
        The key of the masks, a function of (seed, epoch).
    rows : (N,) integer array or None
        The number of each example in the data set, which addresses its masks. With ``key`` (R, 1),
        it is (R, N): each network of a stack has examples of its own.
    returns : bool
        Whether a backward pass may follow, so that layers save what it needs.
    there : (R, N, 1) array or None
        0 for a row that only fills up a shorter batch of a stack, 1 for every other; None if all
        are examples. A row that fills up has weight 0: its dB is 0.
    """

    training: bool = False
    key: Any = None
    rows: Any = None
    returns: bool = True
    there: Any = None


INFERENCE = Context()
"""Dropout and batch normalisation as in prediction."""

PREDICTION = Context(returns=False)
"""The same, if only outputs are needed: no backward pass follows."""


class BoundLayer(Protocol):
    """A bound layer, as the passes use it.

    Two attributes may be left out. ``draws`` is True for a layer that draws masks in training
    (`draws`). ``stat_names`` are the names of its statistics in a file (`stat_names`).

    Methods for derivatives other than the gradient may be left out too (`method`). tp, tA and tB
    are tangents of p, A and B, each None if it is zero; tdA and tdB those of dA and dB:

        tangent(backend, p, tp, saved, tA) -> (tB, what the next method needs as ``kept``)
        tangent_gradients(backend, p, tp, saved, kept, dB, tdB, needed) -> (tdp, dA, tdA)
        factors(backend, p, saved, dB, needed) -> (an Outer for each parameter, dA)
        laplacian(backend, p, saved, Second) -> (Second, what the next method needs as ``kept``)
        laplacian_gradients(backend, p, saved, kept, Second) -> (dp, Second)
        bounds(backend, p, stats, lower, upper) -> (lower, upper)
    """

    @property
    def kind(self) -> str:
        """Its name in tables."""

    @property
    def fan_in(self) -> int:
        """Width of the input."""

    @property
    def fan_out(self) -> int:
        """Width of the output."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Its parameters, including those of the layers within it."""

    @property
    def n_stats(self) -> int:
        """Number of statistics that it keeps from batch to batch."""

    @property
    def children(self) -> tuple[Any, ...]:
        """The layers within it."""

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> tuple[Array, Array, Stats]:
        """(B, what ``gradients`` needs as ``saved``, statistics); p: views of its parameters."""

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """(gradients in the order of p, dA); gradients go into the buffers g that are not None.

        A user's layer may return new arrays instead, which are then copied. May overwrite dB. If dA
        is not ``needed``, it may be None.
        """

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """Initial parameters on the host, one for each slot, in its order and of its shape."""

    def initial_stats(self) -> tuple[Host, ...]:
        """Initial statistics."""


def draws(layer: BoundLayer) -> bool:
    """Whether the layer draws masks in training, from the context's key and rows."""
    return bool(getattr(layer, "draws", False))


def stat_names(layer: BoundLayer) -> tuple[str, ...]:
    """The names of the layer's own statistics; each statistic is a row (1, fan_in)."""
    names: tuple[str, ...] = getattr(layer, "stat_names", ())
    return names


def method(layer: BoundLayer, name: str) -> Callable[..., Any]:
    """The layer's method of that name, which a user's layer may lack; ValueError then."""
    found: Callable[..., Any] | None = getattr(layer, name, None)
    if found is None:
        raise ValueError(
            f"{_name(layer)} has no method {name!r}, which this derivative needs: write it as in "
            "xpnet.equations.protocol.BoundLayer"
        )
    return found


def is_fixed(layer: BoundLayer) -> bool:
    """Whether the layer itself is the same function of θ in every batch of the same examples."""
    return not (draws(layer) or stat_names(layer))


def check_forward(layer: BoundLayer, found: Any, A: Array) -> None:
    """Check the shapes of what a user's layer returned from ``forward`` of A."""
    if not isinstance(found, tuple) or len(found) != 3:
        raise ReturnedError(
            f"forward of {_name(layer)} must return (B, what gradients needs, statistics)"
        )
    B, _, stats = found
    _check_rows(layer, "B", B, A, layer.fan_out)
    if len(stats) != layer.n_stats:
        raise ReturnedError(
            f"forward of {_name(layer)} must return {layer.n_stats} statistics, got {len(stats)}"
        )


def check_gradients(layer: BoundLayer, found: Any, dB: Array, needed: bool) -> None:
    """Check the shapes of what a user's layer returned from ``gradients`` of dB."""
    dp, dA = pair(f"gradients of {_name(layer)}", found, "(gradients, dA)")
    if len(dp) != len(layer.slots):
        raise ReturnedError(
            f"gradients of {_name(layer)} must return {len(layer.slots)} gradients, got {len(dp)}"
        )
    for d, slot in zip(dp, layer.slots, strict=True):
        shape = (*dB.shape[:-2], *slot.shape)
        array_like(f"gradients of {_name(layer)}", f"d{slot.name}", d, shape, dB.dtype)
    if needed:
        _check_rows(layer, "dA", dA, dB, layer.fan_in)


def fill_buffers(g: Sequence[Array], dp: Sequence[Array]) -> None:
    """Write gradients that a user's layer returned as new arrays into the buffers g.

    The buffers are views of the whole gradient. What a layer does not write there would be lost.
    """
    for buffer, d in zip(g, dp, strict=True):
        if buffer is not None and d is not buffer:
            buffer[...] = d


def _check_rows(layer: BoundLayer, what: str, found: Any, like: Array, width: int) -> None:
    """Check for one row per example, as in ``like``; a stack may have added a leading axis."""
    axes = (*found.shape[:-2], like.shape[-2], width) if hasattr(found, "shape") else (width,)
    array_like(_name(layer), what, found, axes, like.dtype)


def _name(layer: BoundLayer) -> str:
    return f"layer {type(layer).__name__}"


class Defaults(NamedTuple):
    """The network's settings for layers that do not set their own."""

    activation: Activation


class LayerSpec(Protocol):
    """A layer as a user writes it."""

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> Any:
        """Return the bound layer for inputs of width ``fan_in``."""

    def config(self) -> dict[str, Any]:
        """Plain data from which a saved model rebuilds the layer."""

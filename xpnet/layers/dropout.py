"""Dropout: B = A ∘ M. The mask M is 1 / (1 − rate) where an entry is kept, and 0 elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xpnet.backends.base import Backend
from xpnet.equations.factors import Outer
from xpnet.equations.masks import bits, least_kept
from xpnet.equations.parameters import Allocator, Slot
from xpnet.equations.protocol import Context, Defaults, Stats
from xpnet.pickles import Pickled
from xpnet.ranges import check_fraction
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.equations.laplacians import Second

__all__ = ["Dropout", "DropoutLayer"]


class Dropout(Pickled):
    """In training, set each entry to zero with probability ``rate``; scale the others up.

        B = A ∘ M         dA = dB ∘ M

    The mask M is 1 / (1 − rate) where an entry is kept, and 0 elsewhere. It is a function of the
    rate and (seed, epoch, layer, example, unit): the same bits on every backend and in any batch.
    Outside training B = A. Srivastava et al., "Dropout" (2014), in the inverted form.

    Parameters
    ----------
    rate : float
        In [0, 1).
    """

    def __init__(self, rate: float) -> None:
        check_fraction("the rate of dropout", rate)
        self.rate: Any = float(rate)

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> DropoutLayer:
        """Return the bound layer for inputs of width ``fan_in``."""
        return DropoutLayer(fan_in, self.rate, allocator.number())

    def config(self) -> dict[str, Any]:
        """Plain data for a saved model."""
        return {"layer": "dropout", "rate": self.rate}


class DropoutLayer(NamedTuple):
    """Bound dropout."""

    fan_in: int
    rate: float | tuple[float, ...]  # in a stack, one for each network, if they differ
    number: int  # the layer's, from which its masks follow

    kind: str = "dropout"
    draws: bool = True  # masks
    n_stats: int = 0
    children: tuple[Any, ...] = ()
    slots: tuple[Slot, ...] = ()

    @property
    def fan_out(self) -> int:
        """Width of the output, that of the input."""
        return self.fan_in

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> tuple[Array, Array, Stats]:
        """A ∘ M in training, else A."""
        if not ctx.training or self.rate == 0:
            return A, None, ()
        xp = backend.xp
        least, scale = self._each(backend, A)
        kept = bits(xp, ctx.key, self.number, ctx.rows, self.fan_in) >= least
        M = xp.astype(kept, A.dtype) * scale
        return A * M, M, ()

    def _each(self, backend: Backend, A: Array) -> tuple[Any, Any]:
        """`least_kept`, and 1 / (1 − rate); for the networks of a stack (R, 1, 1)."""
        if not isinstance(self.rate, tuple):
            return least_kept(self.rate), 1.0 / (1.0 - self.rate)
        least = tuple(map(least_kept, self.rate))
        scales = tuple(1.0 / (1.0 - rate) for rate in self.rate)
        return (
            backend.constants(least, backend.xp.int32, 3),
            backend.constants(scales, A.dtype, 3),
        )

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """No gradients, and dA = dB ∘ M; dA = dB outside training."""
        return [], dB if saved is None else dB * saved

    def tangent(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        tA: Array | None,
    ) -> tuple[Any, Any]:
        """The tangent tA ∘ M; tA outside training."""
        return tA if tA is None or saved is None else tA * saved, None

    def tangent_gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        kept: Any,
        dB: Array,
        tdB: Array,
        needed: bool,
    ) -> tuple[list[Any], Any, Any]:
        """No gradients, dB ∘ M and tdB ∘ M."""
        return ([], dB, tdB) if saved is None else ([], dB * saved, tdB * saved)

    def factors(
        self, backend: Backend, p: Sequence[Array], saved: Any, dB: Array, needed: bool
    ) -> tuple[list[Outer], Any]:
        """No factors, and dA = dB ∘ M."""
        return [], dB if saved is None else dB * saved

    def laplacian(
        self, backend: Backend, p: Sequence[Array], saved: Any, of: Second
    ) -> tuple[Second, Any]:
        """The same outside training."""
        return of, None

    def laplacian_gradients(
        self, backend: Backend, p: Sequence[Array], saved: Any, kept: Any, d: Second
    ) -> tuple[list[Any], Second]:
        """No gradients, and the same cotangents."""
        return [], d

    def bounds(
        self, backend: Backend, p: Sequence[Array], stats: Stats, lower: Array, upper: Array
    ) -> tuple[Any, Any]:
        """The same outside training."""
        return lower, upper

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """No parameters."""
        return []

    def initial_stats(self) -> tuple[Host, ...]:
        """No statistics."""
        return ()

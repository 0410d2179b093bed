"""Residual connection: B = F(A) + A, around a chain of layers F."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xpnet.backends.base import Backend
from xpnet.equations.activation import Activation
from xpnet.equations.factors import Outer, chain_factors
from xpnet.equations.initializers import initial_weights
from xpnet.equations.parameters import Allocator, Slot
from xpnet.equations.passes import chain, chain_gradients, dense_input_gradient
from xpnet.equations.protocol import BoundLayer, Context, Defaults, Stats
from xpnet.equations.tangents import (
    add,
    chain_tangent,
    chain_tangent_gradients,
    dense_gradients_tangent,
    dense_input_gradient_tangent,
    dense_preactivation_tangent,
    product,
)
from xpnet.layers.dense import Dense, as_layers
from xpnet.layers.embedding import Embedding
from xpnet.pickles import Pickled
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.equations.laplacians import Second

__all__ = ["Residual", "ResidualLayer"]


class Residual(Pickled):
    """A chain of layers F whose input is added to its output.

        B = F(A) + A             dA = F's dA + dB
        B = F(A) + A Pᵀ          dA = F's dA + dB P,    dP = dBᵀ A

    The second form is used if the widths of F's output and input differ; P (n_out, n_in) is a
    projection without bias. He et al., "Deep residual learning" (2015).

    Parameters
    ----------
    layers : sequence of layers or int
        An integer stands for a dense layer.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = as_layers("Residual", layers)
        if not self.layers:
            raise ValueError("Residual needs at least one layer")
        if any(isinstance(layer, Embedding) for layer in self.layers):
            raise ValueError("an Embedding can only be a network's first layer")

    def filled(self, activation: Activation) -> Residual:
        """Return a copy in which dense layers that name no activation have this one."""
        layers: list[Any] = []
        for layer in self.layers:
            if isinstance(layer, Residual):
                layer = layer.filled(activation)
            elif isinstance(layer, Dense):
                layer = copy.copy(layer)  # keeps the class, even a user's own
                layer.activation = layer.activation or activation
            layers.append(layer)
        filled = copy.copy(self)
        filled.layers = tuple(layers)
        return filled

    def __repr__(self) -> str:
        return f"Residual({list(self.layers)})"

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> ResidualLayer:
        """Return the bound layer for inputs of width ``fan_in``."""
        inner, width = [], fan_in
        for layer in self.layers:
            inner.append(layer.bind(width, allocator, defaults))
            width = inner[-1].fan_out
        number = allocator.number()
        projection = None if width == fan_in else allocator.weight("projection", width, fan_in)
        return ResidualLayer(fan_in, width, tuple(inner), projection, number)

    def config(self) -> dict[str, Any]:
        """Plain data for a saved model."""
        return {"layer": "residual", "layers": [layer.config() for layer in self.layers]}


class ResidualLayer(NamedTuple):
    """Bound residual connection."""

    fan_in: int
    fan_out: int
    children: tuple[BoundLayer, ...]
    projection: Slot | None
    number: int

    kind: str = "residual"

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The parameters of the layers within, then P."""
        within = tuple(slot for layer in self.children for slot in layer.slots)
        return within if self.projection is None else (*within, self.projection)

    @property
    def n_stats(self) -> int:
        """Number of statistics of the layers within."""
        return sum(layer.n_stats for layer in self.children)

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> tuple[Array, Array, Stats]:
        """F(A) + A, or F(A) + A Pᵀ."""
        B, saved, stats = chain(backend, self.children, p, stats, A, ctx)
        around = A if self.projection is None else backend.matmul(A, p[-1].mT)
        return B + around, (saved, A), stats

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """F's gradients (and dP), and dA."""
        within, A = saved
        d_projection, around = [], None
        if self.projection is not None:
            d_projection = [backend.matmul(dB.mT, A, out=g[-1])]
            around = dense_input_gradient(backend, dB, p[-1]) if needed else None
        elif needed:
            around = backend.xp.asarray(dB, copy=True)  # F may overwrite dB
        dp, dA = chain_gradients(backend, self.children, p, within, dB, g, is_first=not needed)
        return dp + d_projection, dA + around if needed else None

    def tangent(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        tA: Array | None,
    ) -> tuple[Any, Any]:
        """The tangent tF + tA, or tF + tA Pᵀ + A tPᵀ."""
        within, A = saved
        tB, kept = chain_tangent(backend, self.children, p, tp, within, tA)
        if self.projection is None:
            return add(tB, tA), (kept, tA)
        return add(tB, dense_preactivation_tangent(backend, A, p[-1], tA, tp[-1], None)), (kept, tA)

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
        """Those of F (and tdP = tdBᵀ A + dBᵀ tA), dA and tdA."""
        (within, A), (kept, tA) = saved, kept
        pairs = list(zip(within, kept, strict=True))
        copy, t_copy = (backend.xp.asarray(d, copy=True) for d in (dB, tdB))  # F may overwrite
        fixed = backend, self.children, p, tp, pairs, copy, t_copy
        tdp, dA, tdA = chain_tangent_gradients(*fixed, is_first=not needed)
        if self.projection is not None:
            tdp = tdp + dense_gradients_tangent(backend, A, tA, dB, tdB)[:1]
        if not needed:
            return tdp, None, None
        if self.projection is None:
            return tdp, dA + dB, tdA + tdB
        around = dense_input_gradient_tangent(backend, dB, tdB, p[-1], tp[-1])
        return tdp, dA + dense_input_gradient(backend, dB, p[-1]), tdA + around

    def factors(
        self, backend: Backend, p: Sequence[Array], saved: Any, dB: Array, needed: bool
    ) -> tuple[list[Outer], Any]:
        """Those of F (and dP_n = dB_n A_nᵀ), and dA."""
        within, A = saved
        copy = backend.xp.asarray(dB, copy=True)  # F may overwrite it
        found, dA = chain_factors(backend, self.children, p, within, copy, is_first=not needed)
        if self.projection is None:
            return found, dA + dB if needed else None
        around = dense_input_gradient(backend, dB, p[-1]) if needed else None
        return [*found, Outer(dB, A)], dA + around if needed else None

    def laplacian(
        self, backend: Backend, p: Sequence[Array], saved: Any, of: Second
    ) -> tuple[Second, Any]:
        """Those of F plus those of A, or of A Pᵀ."""
        from xpnet.equations.laplacians import chain_laplacian

        found, kept = chain_laplacian(backend, self.children, p, saved[0], of)
        t, l = of.t, of.l
        if self.projection is not None:
            t, l = backend.matmul(t, p[-1].mT), product(backend, l, p[-1].mT)
        return found._replace(t=found.t + t, l=add(found.l, l)), (kept, of)

    def laplacian_gradients(
        self, backend: Backend, p: Sequence[Array], saved: Any, kept: Any, d: Second
    ) -> tuple[list[Any], Second]:
        """Those of F (and dP), and the cotangents of A, tA and lA."""
        from xpnet.equations.laplacians import chain_laplacian_gradients

        (within, A), (kept, of) = saved, kept
        dp, below = chain_laplacian_gradients(backend, self.children, p, within, kept, d)
        if self.projection is None:
            return dp, below._replace(t=below.t + d.t, l=below.l + d.l, a=below.a + d.a)
        of_t = backend.xp.sum(backend.matmul(d.t.mT, of.t), axis=0)
        dP = add(backend.matmul(d.a.mT, A), of_t, product(backend, d.l.mT, of.l))
        t, l, a = (backend.matmul(x, p[-1]) for x in (d.t, d.l, d.a))
        return [*dp, dP], below._replace(t=below.t + t, l=below.l + l, a=below.a + a)

    def bounds(
        self, backend: Backend, p: Sequence[Array], stats: Stats, lower: Array, upper: Array
    ) -> tuple[Any, Any]:
        """The sums of the bounds of F and of A, or of A Pᵀ."""
        from xpnet.equations.bounds import affine_bounds, chain_bounds, widened

        of_F = chain_bounds(backend, self.children, p, stats, lower, upper)
        if self.projection is not None:
            lower, upper = affine_bounds(backend, p[-1], None, lower, upper)
        xp, low, high = backend.xp, of_F[0] + lower, of_F[1] + upper
        size = sum(xp.abs(x) for x in (*of_F, lower, upper))
        rounding = size * float(xp.finfo(low.dtype).eps)
        return widened(xp, low - rounding, high + rounding)

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """Initial parameters of the layers within; P by Glorot's scheme."""
        parts = [W for layer in self.children for W in layer.initial(seed, initializer)]
        if self.projection is not None:
            size = self.fan_in, self.fan_out
            parts.append(initial_weights("glorot_uniform", *size, seed, self.number))
        return parts

    def initial_stats(self) -> tuple[Host, ...]:
        """Initial statistics of the layers within."""
        return tuple(stat for layer in self.children for stat in layer.initial_stats())

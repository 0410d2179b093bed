"""A chain of layers at one θ, as a function of X: what every derivative needs of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from xpnet.backends.base import Backend
from xpnet.equations.factors import Outer, chain_factors
from xpnet.equations.parameters import Layers, flatten, pack, unpack
from xpnet.equations.passes import chain, chain_gradients
from xpnet.equations.protocol import INFERENCE, Context
from xpnet.equations.tangents import chain_tangent, chain_tangent_gradients
from xpnet.typing import Array

__all__ = ["At"]


class At(NamedTuple):
    """The function (X, θ) ↦ B of a chain of layers, at one θ.

    Attributes
    ----------
    p : sequence of arrays
        Views of every layer's parameters.
    stats : tuple of arrays
    ctx : Context
    """

    backend: Backend
    layers: Layers
    p: Sequence[Array]
    stats: tuple[Array, ...] = ()
    ctx: Context = INFERENCE

    def forward(self, X: Array) -> tuple[Any, list[Any]]:
        """B (N, n_L), and what each layer saved."""
        B, saved, _ = chain(self.backend, self.layers, self.p, self.stats, X, self.ctx)
        return B, saved

    def backward(self, saved: list[Any], dB: Array, needed: bool = True) -> tuple[Any, Any]:
        """The cotangents of θ, flat, and of X if ``needed``, for dB (..., N, n_L)."""
        fixed, no_buffers = (self.backend, self.layers, self.p), [None] * len(self.p)
        dp, dX = chain_gradients(*fixed, saved, dB, no_buffers, is_first=not needed)
        return pack(self.backend.xp, self.layers, dp), dX

    def tangent(
        self, saved: list[Any], tX: Array | None, ttheta: Array | None
    ) -> tuple[Any, list[Any]]:
        """tB (..., N, n_L), and what each layer saved of tangents; a tangent of None is 0."""
        tp = self.views(ttheta)
        return chain_tangent(self.backend, self.layers, self.p, tp, saved, tX)

    def tangent_backward(
        self,
        saved: list[Any],
        kept: list[Any],
        ttheta: Array | None,
        dB: Array,
        tdB: Array,
        needed: bool = False,
    ) -> tuple[Any, Any]:
        """The tangents of the cotangents of θ, flat (..., P), and of X if ``needed``."""
        pairs, tp = list(zip(saved, kept, strict=True)), self.views(ttheta)
        fixed = self.backend, self.layers, self.p, tp, pairs, dB, tdB
        tdp, _, tdX = chain_tangent_gradients(*fixed, is_first=not needed)
        return pack(self.backend.xp, self.layers, tdp), tdX

    def factors(self, saved: list[Any], dB: Array) -> list[Outer]:
        """Each parameter's gradient before the sum over the examples."""
        return chain_factors(self.backend, self.layers, self.p, saved, dB, is_first=True)[0]

    def input_gradient(self, saved: list[Any], dB: Array) -> Any:
        """The cotangent of X alone; without products for θ, if all layers have factors."""
        if all(hasattr(layer, "factors") for layer in flatten(self.layers)):
            return chain_factors(self.backend, self.layers, self.p, saved, dB)[1]
        no_buffers = [None] * len(self.p)
        return chain_gradients(self.backend, self.layers, self.p, saved, dB, no_buffers)[1]

    def views(self, theta: Array | None) -> list[Any]:
        """Every parameter's part of a vector like θ (..., P); None for each if it is None."""
        if theta is None:
            return [None] * len(self.p)
        return unpack(self.backend.xp, self.layers, theta)

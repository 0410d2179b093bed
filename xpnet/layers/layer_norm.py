"""Layer normalisation: every example is scaled to mean 0 and variance 1 over its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.backends.base import Backend
from xpnet.equations.factors import Outer
from xpnet.equations.parameters import Allocator, Slot
from xpnet.equations.protocol import Context, Defaults, Stats
from xpnet.equations.tangents import add
from xpnet.layers.normalization import (
    affine_factors,
    affine_gradients,
    affine_gradients_tangent,
    affine_tangent,
    input_gradient,
    input_gradient_tangent,
    normalize,
    normalize_tangent,
)
from xpnet.pickles import Pickled
from xpnet.ranges import check_not_negative
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.equations.laplacians import Second

__all__ = ["LayerNorm", "LayerNormLayer"]


class LayerNorm(Pickled):
    """B = γ ∘ (A − μ)/√(variance + ε) + β, with μ and variance over the features of an example.

    Ba, Kiros and Hinton, "Layer normalization" (2016). The variance is the biased one, as in
    PyTorch. γ starts at 1, β at 0.

    Parameters
    ----------
    epsilon : float
        ε ≥ 0, inside the root.
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        check_not_negative("epsilon", epsilon)
        self.epsilon = float(epsilon)

    def __repr__(self) -> str:
        return f"LayerNorm(epsilon={self.epsilon})"

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> LayerNormLayer:
        """Return the bound layer for inputs of width ``fan_in``."""
        allocator.number()
        return LayerNormLayer(
            fan_in, self.epsilon, allocator.row("gain", fan_in), allocator.row("shift", fan_in)
        )

    def config(self) -> dict[str, Any]:
        """Plain data for a saved model."""
        return {"layer": "layer_norm", "epsilon": self.epsilon}


class LayerNormLayer(NamedTuple):
    """Bound layer normalisation."""

    fan_in: int
    epsilon: float
    gain: Slot
    shift: Slot

    kind: str = "layer norm"
    n_stats: int = 0
    children: tuple[Any, ...] = ()

    @property
    def fan_out(self) -> int:
        """Width of the output, that of the input."""
        return self.fan_in

    @property
    def slots(self) -> tuple[Slot, ...]:
        """γ and β."""
        return self.gain, self.shift

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> tuple[Array, Array, Stats]:
        """γ ∘ X̂ + β."""
        gain, shift = p
        X_hat, inverse, _, _ = normalize(backend.xp, A, -1, self.epsilon)
        return gain * X_hat + shift, (X_hat, inverse), ()

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """(dγ, dβ) and dA."""
        X_hat, inverse = saved
        dp = affine_gradients(backend, dB, X_hat, g)
        return dp, input_gradient(backend.xp, dB * p[0], X_hat, inverse, -1)

    def tangent(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        tA: Array | None,
    ) -> tuple[Any, Any]:
        """The tangent tB, and (tX̂, t(1/s))."""
        X_hat, inverse = saved
        kept = normalize_tangent(backend.xp, tA, X_hat, inverse, -1)
        return affine_tangent(p, tp, X_hat, kept[0]), kept

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
        """(tdγ, tdβ), dA and tdA."""
        tdp = affine_gradients_tangent(backend, dB, tdB, saved[0], kept[0])
        dX_hat, tdX_hat = dB * p[0], add(tdB * p[0], None if tp[0] is None else dB * tp[0])
        dA = input_gradient(backend.xp, dX_hat, saved[0], saved[1], -1)
        return tdp, dA, input_gradient_tangent(backend.xp, dX_hat, tdX_hat, saved, kept, -1)

    def factors(
        self, backend: Backend, p: Sequence[Array], saved: Any, dB: Array, needed: bool
    ) -> tuple[list[Outer], Any]:
        """(dγ_n, dβ_n) of each example, and dA."""
        X_hat, inverse = saved
        dA = input_gradient(backend.xp, dB * p[0], X_hat, inverse, -1)
        return affine_factors(dB, X_hat), dA

    def laplacian(
        self, backend: Backend, p: Sequence[Array], saved: Any, of: Second
    ) -> tuple[Second, Any]:
        """Second derivatives of c/s, with c = A − μ and s² = mean(c²) + ε, by the product rule."""
        xp, (X_hat, inverse) = backend.xp, saved
        tX_hat, t_inverse = normalize_tangent(xp, of.t, X_hat, inverse, -1)
        tc = of.t - xp.mean(of.t, axis=-1, keepdims=True)
        # Σ_d of: the second derivative of mean(c²)/2 along tA, and 3 (t(1/s))² s
        bent = xp.mean(tc * tc, axis=-1, keepdims=True)
        l_inverse = 3.0 * t_inverse * t_inverse / inverse - bent * inverse * inverse * inverse
        lX_hat = xp.sum(tc * t_inverse * 2.0 + X_hat / inverse * l_inverse, axis=0)
        if of.l is not None:
            lX_hat = lX_hat + input_gradient(xp, of.l, X_hat, inverse, -1)
        return of._replace(t=tX_hat * p[0], l=lX_hat * p[0]), None

    def laplacian_gradients(
        self, backend: Backend, p: Sequence[Array], saved: Any, kept: Any, d: Second
    ) -> tuple[list[Any], Second]:
        """An error: this derivative is not here."""
        raise ValueError(
            "layer norm has no gradient of a Laplacian by the inputs: leave it out of networks "
            "that solve differential equations"
        )

    def bounds(
        self, backend: Backend, p: Sequence[Array], stats: Stats, lower: Array, upper: Array
    ) -> tuple[Any, Any]:
        """An error: intervals say nothing useful of a quotient of entries."""
        raise ValueError(
            "layer norm has no interval bounds: its outputs divide by a norm that may be close to "
            "0 within the box; leave it out of networks whose outputs are to be bounded"
        )

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """γ = 1, β = 0."""
        return [np.ones((1, self.fan_in)), np.zeros((1, self.fan_in))]

    def initial_stats(self) -> tuple[Host, ...]:
        """No statistics."""
        return ()

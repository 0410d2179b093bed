"""Batch normalisation: every feature is scaled to mean 0 and variance 1 over the batch."""

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
from xpnet.ranges import check_fraction, check_not_negative
from xpnet.typing import Array, Host, Namespace

if TYPE_CHECKING:
    from xpnet.equations.laplacians import Second

__all__ = ["BatchNorm", "BatchNormLayer"]


class BatchNorm(Pickled):
    """B = γ ∘ (A − μ)/√(variance + ε) + β, with μ and variance over the examples of the batch.

    Training uses each batch's own μ and variance; everything else uses running means of them:

        running ← (1 − momentum) running + momentum · batch's

    Ioffe and Szegedy, "Batch normalization" (2015). As in PyTorch, the batch is normalised by the
    biased variance, and the running variance uses the unbiased one. Example weights do not affect μ
    and the variance. γ starts at 1, β at 0, the running mean at 0 and variance at 1.

    Choose a batch size whose last batch has more than one example (PyTorch refuses a batch of one).
    The output for a batch of one is β, so the layers before learn nothing from it; the running
    variance stays the same.

    Parameters
    ----------
    momentum : float
        In [0, 1): the weight of a new batch in the running means.
    epsilon : float
        ε ≥ 0, inside the root.
    """

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        check_fraction("momentum", momentum)
        check_not_negative("epsilon", epsilon)
        self.momentum, self.epsilon = float(momentum), float(epsilon)

    def __repr__(self) -> str:
        return f"BatchNorm(momentum={self.momentum}, epsilon={self.epsilon})"

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> BatchNormLayer:
        """Return the bound layer for inputs of width ``fan_in``."""
        allocator.number()
        gain, shift = allocator.row("gain", fan_in), allocator.row("shift", fan_in)
        return BatchNormLayer(fan_in, self.momentum, self.epsilon, gain, shift)

    def config(self) -> dict[str, Any]:
        """Plain data for a saved model."""
        return {"layer": "batch_norm", "momentum": self.momentum, "epsilon": self.epsilon}


class BatchNormLayer(NamedTuple):
    """Bound batch normalisation; its statistics are rows (..., 1, n)."""

    fan_in: int
    momentum: float
    epsilon: float
    gain: Slot
    shift: Slot

    kind: str = "batch norm"
    n_stats: int = 2
    stat_names: tuple[str, str] = ("running_mean", "running_variance")
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
        """γ ∘ X̂ + β, and the running mean and variance after the batch."""
        (gain, shift), (mean, variance) = p, stats
        if not ctx.training:
            inverse = 1.0 / backend.xp.sqrt(variance + self.epsilon)
            X_hat = (A - mean) * inverse
            return gain * X_hat + shift, (X_hat, inverse, False, None), stats
        n, more, share = _examples(backend.xp, A, ctx)
        found = normalize(backend.xp, A, -2, self.epsilon, share)
        X_hat, inverse, batch_mean, batch_variance = found
        m = self.momentum
        of_variance = m * more
        unbiased = n / (n - more)
        mean = mean * (1.0 - m) + batch_mean * m
        variance = variance * (1.0 - of_variance) + batch_variance * (of_variance * unbiased)
        return gain * X_hat + shift, (X_hat, inverse, True, share), (mean, variance)

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """(dγ, dβ) and dA; outside training μ and s are constants, and dA = dX̂/s."""
        X_hat, inverse, trained, share = saved
        dp = affine_gradients(backend, dB, X_hat, g)
        dX_hat = dB * p[0]
        if not trained:
            return dp, dX_hat * inverse
        dA = input_gradient(backend.xp, dX_hat, X_hat, inverse, -2, share)
        return dp, dA if share is None else backend.xp.where(share > 0, dA, 0.0)

    def tangent(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        tA: Array | None,
    ) -> tuple[Any, Any]:
        """The tangent tB, and (tX̂, t(1/s)); outside training s is a constant, and tX̂ = tA/s."""
        X_hat, inverse, trained, _ = saved
        if trained:
            kept = normalize_tangent(backend.xp, tA, X_hat, inverse, -2)
        else:
            kept = None if tA is None else tA * inverse, None
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
        X_hat, inverse, trained, _ = saved
        tdp = affine_gradients_tangent(backend, dB, tdB, X_hat, kept[0])
        dX_hat, tdX_hat = dB * p[0], add(tdB * p[0], None if tp[0] is None else dB * tp[0])
        if not trained:
            return tdp, dX_hat * inverse, tdX_hat * inverse
        of = X_hat, inverse
        dA = input_gradient(backend.xp, dX_hat, X_hat, inverse, -2)
        return tdp, dA, input_gradient_tangent(backend.xp, dX_hat, tdX_hat, of, kept, -2)

    def factors(
        self, backend: Backend, p: Sequence[Array], saved: Any, dB: Array, needed: bool
    ) -> tuple[list[Outer], Any]:
        """The terms of (dγ, dβ), and dA; in training, dA_n depends on the loss of all examples."""
        X_hat, inverse, trained, _ = saved
        dX_hat = dB * p[0]
        dA = input_gradient(backend.xp, dX_hat, X_hat, inverse, -2) if trained else dX_hat * inverse
        return affine_factors(dB, X_hat), dA

    def laplacian(
        self, backend: Backend, p: Sequence[Array], saved: Any, of: Second
    ) -> tuple[Second, Any]:
        """Scaled by γ/s, a constant outside training."""
        inverse = saved[1]
        hat = of._replace(t=of.t * inverse, l=None if of.l is None else of.l * inverse)
        return hat._replace(t=hat.t * p[0], l=None if hat.l is None else hat.l * p[0]), hat

    def laplacian_gradients(
        self, backend: Backend, p: Sequence[Array], saved: Any, kept: Any, d: Second
    ) -> tuple[list[Any], Second]:
        """(dγ, dβ), and the cotangents, scaled by γ/s."""
        (X_hat, inverse, _, _), xp = saved, backend.xp
        each = d.a * X_hat + xp.sum(d.t * kept.t, axis=0)
        each = each if kept.l is None else each + d.l * kept.l
        ones = xp.ones((1, d.a.shape[-2]), dtype=d.a.dtype, device=backend.device)
        dp = [backend.matmul(ones, each), backend.matmul(ones, d.a)]
        scale = p[0] * inverse
        return dp, d._replace(t=d.t * scale, l=d.l * scale, a=d.a * scale)

    def bounds(
        self, backend: Backend, p: Sequence[Array], stats: Stats, lower: Array, upper: Array
    ) -> tuple[Any, Any]:
        """Each entry scaled and shifted: γ/s may be negative."""
        from xpnet.equations.bounds import widened

        (gain, shift), (mean, variance), xp = p, stats, backend.xp
        scale = gain / xp.sqrt(variance + self.epsilon)
        low, high = (widened(xp, x - mean, x - mean)[i] for i, x in enumerate((lower, upper)))
        ends = low * scale, high * scale
        low, high = widened(xp, xp.minimum(*ends), xp.maximum(*ends))
        low, high = widened(xp, low + shift, high + shift)
        size = xp.abs(shift) + xp.maximum(xp.abs(low), xp.abs(high))
        rounding = size * (8.0 * float(xp.finfo(low.dtype).eps))
        return low - rounding, high + rounding

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """γ = 1, β = 0."""
        return [np.ones((1, self.fan_in)), np.zeros((1, self.fan_in))]

    def initial_stats(self) -> tuple[Host, ...]:
        """Running mean 0 and variance 1."""
        return np.zeros((1, self.fan_in)), np.ones((1, self.fan_in))


def _examples(xp: Namespace, A: Array, ctx: Context) -> tuple[Any, Any, Any]:
    """The number n of examples, whether n > 1, and what each counts in a mean (None: 1/n).

    In a stack whose batches differ in length, they are (R, 1, 1), (R, 1, 1) and (R, N, 1).
    """
    if ctx.there is None:
        n = A.shape[-2]
        return n, n > 1, None  # a number, no branch: n is still unknown if the step is recorded
    n = xp.sum(ctx.there, axis=-2, keepdims=True)
    return n, xp.astype(n > 1, A.dtype), ctx.there / n

"""Equations shared by layer and batch normalisation: B = γ ∘ X̂ + β with X̂ = (A − μ)/s.

μ and s = √(variance + ε) are taken over one axis of n entries: the features of an example, or the
examples of a batch. With dX̂ = γ ∘ dB,

    dγ = Σ dB ∘ X̂        dβ = Σ dB        (sums over the examples)
    dA = (dX̂ − mean(dX̂) − X̂ ∘ mean(dX̂ ∘ X̂)) / s        (means over that axis)

since μ and s depend on every entry of A along that axis. Means over the examples come from
`xpnet.equations.sums`, because a running sum in float32 would lose digits if the mean is large.

The last line, dA = J dX̂, is a symmetric J. So for tangents (`xpnet.equations.tangents`)

    tX̂ = J tA        tB = γ ∘ tX̂ + tγ ∘ X̂ + tβ        t(1/s) = −mean(tA ∘ X̂) / s²

and tdA is the product rule applied to that line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.backends.base import Backend
from xpnet.equations import sums
from xpnet.equations.factors import Outer
from xpnet.equations.tangents import add
from xpnet.typing import Array, Namespace

__all__ = [
    "affine_factors",
    "affine_gradients",
    "affine_gradients_tangent",
    "affine_tangent",
    "input_gradient",
    "input_gradient_tangent",
    "normalize",
    "normalize_tangent",
]


def normalize(
    xp: Namespace, A: Array, axis: int, epsilon: float, share: Array | None = None
) -> tuple[Array, Array, Array, Array]:
    """X̂, 1/s, μ and the (biased) variance; all but X̂ have length 1 along ``axis``.

    ``share`` (..., n, 1) is what each entry counts in the means: 1/n, or 0 for one left out. None
    stands for 1/n.
    """
    mean = _mean(xp, A, axis, share)
    centred = A - mean
    variance = _mean(xp, centred * centred, axis, share)
    inverse = 1.0 / xp.sqrt(variance + epsilon)
    return centred * inverse, inverse, mean, variance


def affine_gradients(backend: Backend, dB: Array, X_hat: Array, g: Sequence[Array]) -> list[Array]:
    """dγ and dβ, rows (1, n), written into the buffers g or new arrays."""
    ones = backend.xp.ones((1, dB.shape[-2]), dtype=dB.dtype, device=backend.device)
    d_gain = backend.matmul(ones, dB * X_hat, out=g[0])
    d_shift = backend.matmul(ones, dB, out=g[1])
    return [d_gain, d_shift]


def input_gradient(
    xp: Namespace,
    dX_hat: Array,
    X_hat: Array,
    inverse: Array,
    axis: int,
    share: Array | None = None,
) -> Array:
    """dA from dX̂, with means over ``axis``, as in `normalize`."""
    mean = _mean(xp, dX_hat, axis, share)
    along = _mean(xp, dX_hat * X_hat, axis, share)
    return (dX_hat - mean - X_hat * along) * inverse


# --- tangents


def normalize_tangent(
    xp: Namespace, tA: Array | None, X_hat: Array, inverse: Array, axis: int
) -> tuple[Any, Any]:
    """tX̂ and t(1/s); both are None if tA is."""
    if tA is None:
        return None, None
    t_inverse = -inverse * inverse * _mean(xp, tA * X_hat, axis, None)
    return input_gradient(xp, tA, X_hat, inverse, axis), t_inverse


def affine_tangent(
    p: Sequence[Array], tp: Sequence[Array | None], X_hat: Array, tX_hat: Array | None
) -> Any:
    """tB = γ ∘ tX̂ + tγ ∘ X̂ + tβ."""
    (gain, _), (t_gain, t_shift) = p, tp
    of_gain = None if t_gain is None else t_gain * X_hat
    return add(None if tX_hat is None else gain * tX_hat, of_gain, t_shift)


def affine_gradients_tangent(
    backend: Backend, dB: Array, tdB: Array, X_hat: Array, tX_hat: Array | None
) -> list[Any]:
    """tdγ = Σ (tdB ∘ X̂ + dB ∘ tX̂) and tdβ = Σ tdB."""
    each = add(tdB * X_hat, None if tX_hat is None else dB * tX_hat)
    ones = backend.xp.ones((1, dB.shape[-2]), dtype=dB.dtype, device=backend.device)
    return [backend.matmul(ones, each), backend.matmul(ones, tdB)]


def input_gradient_tangent(
    xp: Namespace,
    dX_hat: Array,
    tdX_hat: Array,
    saved: tuple[Array, Array],
    kept: tuple[Array | None, Array | None],
    axis: int,
) -> Array:
    """The tangent tdA: J tdX̂ and (tJ) dX̂, with ``kept`` the tangents of X̂ and 1/s."""
    (X_hat, inverse), (tX_hat, t_inverse) = saved, kept
    tdA = input_gradient(xp, tdX_hat, X_hat, inverse, axis)
    if tX_hat is None:
        return tdA
    along, t_along = (_mean(xp, dX_hat * x, axis, None) for x in (X_hat, tX_hat))
    centred = dX_hat - _mean(xp, dX_hat, axis, None) - X_hat * along
    return tdA - (tX_hat * along + X_hat * t_along) * inverse + centred * t_inverse


def affine_factors(dB: Array, X_hat: Array) -> list[Outer]:
    """dγ_n = dB_n ∘ X̂_n and dβ_n = dB_n of each example."""
    return [Outer(None, dB * X_hat), Outer(None, dB)]


def _mean(xp: Namespace, x: Array, axis: int, share: Array | None) -> Array:
    """The mean over the examples (axis −2), or over each example's features (axis −1)."""
    if share is not None:
        return xp.astype(sums.total(xp, x * share, axis, keepdims=True), x.dtype)
    if axis == -2:
        return sums.mean(xp, x, axis, keepdims=True)
    return xp.mean(x, axis=axis, keepdims=True)

"""Equations shared by layer and batch normalisation: B = γ ∘ X̂ + β with X̂ = (A − μ)/s.

μ and s = √(variance + ε) are taken over one axis of n entries: the features of an example, or the
examples of a batch. With dX̂ = γ ∘ dB,

    dγ = Σ dB ∘ X̂        dβ = Σ dB        (sums over the examples)
    dA = (dX̂ − mean(dX̂) − X̂ ∘ mean(dX̂ ∘ X̂)) / s        (means over that axis)

since μ and s depend on every entry of A along that axis. Means over the examples come from
`xpnet.equations.sums`, because a running sum in float32 would lose digits if the mean is large.
"""

from __future__ import annotations

from collections.abc import Sequence

from xpnet.backends.base import Backend
from xpnet.equations import sums
from xpnet.typing import Array, Namespace

__all__ = ["affine_gradients", "input_gradient", "normalize"]


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


def _mean(xp: Namespace, x: Array, axis: int, share: Array | None) -> Array:
    """The mean over the examples (axis −2), or over each example's features (axis −1)."""
    if share is not None:
        return xp.astype(sums.total(xp, x * share, axis, keepdims=True), x.dtype)
    if axis == -2:
        return sums.mean(xp, x, axis, keepdims=True)
    return xp.mean(x, axis=axis, keepdims=True)

"""Interval propagation: bounds of the outputs for a box of inputs.

With centre C and radius R of a box [C − R, C + R], both (N, n):

    Z_C = C Wᵀ + b        Z_R = R |W|ᵀ
    [f(lower), f(upper)]  for an f that does not decrease

gelu and silu have one minimum, at z*: if it lies within, their lower bound is f(z*). A softmax is
smallest in entry i where z_i is smallest and all others are largest. S. Gowal et al., "On the
effectiveness of interval bound propagation for training verifiably robust models" (2018).

Every result is widened by more than its rounding error, so the bounds hold for the exact network.
With n terms, the error of a sum of products is at most n eps times the sum of their sizes (N. J.
Higham, "Accuracy and stability of numerical algorithms", 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.backends.base import Backend
from xpnet.equations.activation import Activation
from xpnet.equations.built_in import is_built_in
from xpnet.equations.passes import each_part
from xpnet.equations.protocol import BoundLayer, method
from xpnet.typing import Array, Namespace

__all__ = ["activation_bounds", "affine_bounds", "chain_bounds", "widened"]

Bounds = tuple[Any, Any]

_RISING = (
    *("identity", "relu", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "softplus", "exp"),
)
_LOWEST = {"gelu": -0.7517915246935645, "silu": -1.2784645427610738}
"""z*, where f' is 0."""
_ULPS = 16  # more than the error of every f, in units of eps


def widened(xp: Namespace, lower: Array, upper: Array) -> Bounds:
    """Both moved outward by more than the rounding error of one function."""
    info = xp.finfo(lower.dtype)
    eps, tiny = float(info.eps) * _ULPS, float(info.smallest_normal)
    return lower - xp.abs(lower) * eps - tiny, upper + xp.abs(upper) * eps + tiny


def affine_bounds(
    backend: Backend, W: Array, b: Array | None, lower: Array, upper: Array
) -> Bounds:
    """Bounds of A Wᵀ + b, (N, n_l)."""
    xp = backend.xp
    C, R = (lower + upper) * 0.5, (upper - lower) * 0.5
    k = 2.0 * (W.shape[-1] + _ULPS) * float(xp.finfo(W.dtype).eps)
    Z_C = backend.matmul(C, W.mT)
    Z_R = backend.matmul(R + (xp.abs(C) + R) * k, xp.abs(W).mT)
    if b is not None:
        Z_C, Z_R = Z_C + b, Z_R + xp.abs(b) * k
    tiny = float(xp.finfo(W.dtype).smallest_normal) * W.shape[-1]
    return Z_C - Z_R - tiny, Z_C + Z_R + tiny


def activation_bounds(xp: Namespace, f: Activation, lower: Array, upper: Array) -> Bounds:
    """Bounds of f(Z) for Z in [lower, upper]; ValueError for an activation of a user's own."""
    if not is_built_in(f):
        raise ValueError(
            f"activation {f.name!r} is your own, and where it rises is not known: bounds of the "
            "outputs need activations of xpnet"
        )
    if f.name.startswith("softmax"):
        return _softmax_bounds(xp, f, lower, upper)
    low, high = f.value(xp, lower), f.value(xp, upper)
    if f.name in _LOWEST:
        z = _LOWEST[f.name]
        lowest = f.value(xp, xp.full_like(lower, z))
        within = (lower <= z) & (upper >= z)
        low, high = xp.where(within, lowest, xp.minimum(low, high)), xp.maximum(low, high)
    else:
        assert f.name in _RISING
    return widened(xp, low, high)


def _softmax_bounds(xp: Namespace, f: Any, lower: Array, upper: Array) -> Bounds:
    """Bounds of every head's softmax, or of all columns."""
    sizes, start, parts = getattr(f, "heads", (lower.shape[-1],)), 0, []
    for n in sizes:
        low, high = lower[..., start : start + n], upper[..., start : start + n]
        parts.append(widened(xp, _against(xp, low, high), _against(xp, high, low)))
        start += n
    low, high = (xp.concat(list(each), axis=-1) for each in zip(*parts, strict=True))
    return low, high


def _against(xp: Namespace, own: Array, others: Array) -> Array:
    """Softmax entry i with z_i of ``own``, and every other z_j of ``others``."""
    n = own.shape[-1]
    is_own = xp.eye(n, dtype=own.dtype, device=getattr(own, "device", None)) > 0
    Z = xp.where(is_own, own[..., :, None], others[..., None, :])  # (N, n, n)
    E = xp.exp(Z - xp.max(Z, axis=-1, keepdims=True))
    return xp.sum(xp.where(is_own, E, 0.0), axis=-1) / xp.sum(E, axis=-1)


def chain_bounds(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    stats: tuple[Array, ...],
    lower: Array,
    upper: Array,
) -> Bounds:
    """Pass both bounds through the layers in turn."""
    for layer, part, kept in each_part(layers):
        lower, upper = method(layer, "bounds")(backend, p[part], stats[kept], lower, upper)
    return lower, upper

"""The forward Laplacian: second derivatives by the inputs, in one forward recurrence.

For D directions of X, tA (D, N, n) are the tangents of A along each, and lA (N, n) the sum of its
second derivatives along each, Σ_d ∂²A/∂x_d². Of a dense layer:

    tZ_l = tA_{l-1} W_lᵀ                lZ_l = lA_{l-1} W_lᵀ
    tA_l = f'(Z_l) ∘ tZ_l               lA_l = f'(Z_l) ∘ lZ_l + f''(Z_l) ∘ Σ_d tZ_l[d]²

and backward, from the cotangents dA, dtA and dlA of all three:

    dZ = f' ∘ dA + f'' ∘ (Σ_d tZ[d] ∘ dtA[d] + lZ ∘ dlA) + f''' ∘ Σ_d tZ[d]² ∘ dlA
    dtZ = f' ∘ dtA + 2 f'' ∘ tZ ∘ dlA        dlZ = f' ∘ dlA
    dW = dZᵀ A + Σ_d dtZ[d]ᵀ tA[d] + dlZᵀ lA        db = 1ᵀ dZ
    dA_{l-1} = dZ W        dtA_{l-1} = dtZ W        dlA_{l-1} = dlZ W

R. Li et al., "A computational framework for neural network-based variational Monte Carlo with
forward Laplacian" (2024). lA is None while it is 0: that of X.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from xpnet.backends.base import Backend
from xpnet.equations.activation import Activation
from xpnet.equations.passes import each_part
from xpnet.equations.protocol import BoundLayer, method
from xpnet.equations.tangents import add, product
from xpnet.typing import Array

__all__ = [
    "Second",
    "chain_laplacian",
    "chain_laplacian_gradients",
    "dense_laplacian",
    "dense_laplacian_gradients",
]


class Second(NamedTuple):
    """Tangents tA (D, N, n) and second derivatives lA (N, n), or the cotangents of A, tA and lA."""

    t: Any
    l: Any
    a: Any = None


# --- one dense layer


def dense_laplacian(
    backend: Backend, f: Activation, W: Array, Z: Array, A_l: Array, of: Second
) -> tuple[Second, Second]:
    """(tA_l, lA_l) and (tZ_l, lZ_l)."""
    xp = backend.xp
    tZ, lZ = backend.matmul(of.t, W.mT), product(backend, of.l, W.mT)
    tA = f.tangent(xp, Z, A_l, tZ)  # (D, N, n_l)
    bent = xp.sum(f.second_along(xp, Z, A_l, tZ), axis=0)  # (N, n_l)
    return Second(tA, add(None if lZ is None else f.tangent(xp, Z, A_l, lZ), bent)), Second(tZ, lZ)


def dense_laplacian_gradients(
    backend: Backend,
    f: Activation,
    W: Array,
    saved: tuple[Array, Array, Array],
    of: tuple[Second, Second],
    d: Second,
) -> tuple[list[Any], Second]:
    """(dW_l, db_l) and the cotangents of the layer's input; ``of`` are those of A and of Z."""
    xp, (A, Z, A_l), (tA, lA, _), (tZ, lZ, _) = backend.xp, saved, *of
    dtZ = f.product(xp, Z, A_l, d.t) + f.second_product(xp, Z, A_l, tZ, d.l) * 2.0  # (D, N, n_l)
    dlZ = f.product(xp, Z, A_l, d.l)
    bent = xp.sum(f.second_product(xp, Z, A_l, tZ, d.t), axis=0)
    dZ = add(
        f.product(xp, Z, A_l, d.a),
        bent,
        None if lZ is None else f.second_product(xp, Z, A_l, lZ, d.l),
        f.third_product(xp, Z, A_l, xp.sum(tZ * tZ, axis=0), d.l),
    )  # (N, n_l)
    ones = xp.ones((1, dZ.shape[-2]), dtype=dZ.dtype, device=backend.device)
    dW = add(
        backend.matmul(dZ.mT, A),
        xp.sum(backend.matmul(dtZ.mT, tA), axis=0),
        product(backend, dlZ.mT, lA),
    )  # (n_l, n_{l-1})
    below = Second(*(backend.matmul(x, W) for x in (dtZ, dlZ, dZ)))  # (N, n_{l-1}) each
    return [dW, backend.matmul(ones, dZ)], below


# --- the chain of layers


def chain_laplacian(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    saved: Sequence[Any],
    of: Second,
) -> tuple[Second, list[Any]]:
    """Pass (tA, lA) through the layers in turn; return them, and what each layer kept."""
    kept = []
    for l, (layer, part, _) in enumerate(each_part(layers)):
        of, keep = method(layer, "laplacian")(backend, p[part], saved[l], of)
        kept.append(keep)
    return of, kept


def chain_laplacian_gradients(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    saved: Sequence[Any],
    kept: Sequence[Any],
    d: Second,
) -> tuple[list[Any], Second]:
    """Return (the parameters' gradients, the cotangents of X), from the cotangents of B."""
    dp: list[Any] = []
    for l, (layer, part, _) in reversed(list(enumerate(each_part(layers)))):
        gradients = method(layer, "laplacian_gradients")
        each, d = gradients(backend, p[part], saved[l], kept[l], d)
        dp = each + dp
    return dp, d

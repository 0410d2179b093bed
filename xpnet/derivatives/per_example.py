"""Gradients of single examples, from their factors (`xpnet.equations.factors`).

A forward and a backward pass without the products dZᵀ A gives the factors of every example's
gradient g_n = ∂loss_n/∂θ, with dZ of loss_n alone: neither 1/N nor weights are in it.

    ‖g_n‖² = Σ over parameters of ‖left_n‖² ‖right_n‖²
    clipped gradient = Σ_n c_n g_n / N, c_n = min(1, C/‖g_n‖), by one product a parameter
    K[n, m] = J_n J_mᵀ = Σ over parameters of (left_nᵀ left_m)(right_nᵀ right_m)

I. Goodfellow (2015) has the norms; M. Abadi et al., "Deep learning with differential privacy"
(2016), the clipped gradient; A. Jacot et al., "Neural tangent kernel" (2018), K. Nothing here but
`gradients` forms an array N × P.
"""

from __future__ import annotations

from typing import Any

from xpnet.derivatives.at import At
from xpnet.derivatives.first import by_parameters, units
from xpnet.equations.factors import Outer
from xpnet.equations.parameters import pack
from xpnet.equations.passes import each_part
from xpnet.losses.cut import Cut
from xpnet.typing import Array, Namespace

__all__ = ["clipped_gradient", "factors", "gradients", "kernel", "norms"]


def factors(at: At, cut: Cut, X: Array, Y: Array) -> list[Outer]:
    """The factors of g_n, for each parameter."""
    B, saved = at.forward(X)
    return at.factors(saved, cut.gradient(at.backend.xp, B, Y)[1])


def gradients(at: At, cut: Cut, X: Array, Y: Array) -> Any:
    """g_n of each example, (N, P)."""
    return by_parameters(at, factors(at, cut, X, Y))


def norms(at: At, cut: Cut, X: Array, Y: Array, by_layer: bool = False) -> Any:
    """‖g_n‖ of each example (N,), or in each layer with parameters (N, number of these layers)."""
    xp, found = at.backend.xp, factors(at, cut, X, Y)
    if not by_layer:
        return _root(xp, sum(factor.squares(xp) for factor in found), X)
    squares = [
        sum(factor.squares(xp) for factor in found[part])
        for layer, part, _ in each_part(at.layers)
        if layer.slots
    ]
    return _root(xp, xp.stack(squares, axis=-1), X)


def _root(xp: Namespace, squares: Array, like: Array) -> Any:
    return xp.astype(xp.sqrt(squares), like.dtype)


def clipped_gradient(at: At, cut: Cut, X: Array, Y: Array, limit: float) -> Any:
    """Σ_n min(1, C/‖g_n‖) g_n / N, flat (P,)."""
    xp, found = at.backend.xp, factors(at, cut, X, Y)
    norm = xp.sqrt(sum(factor.squares(xp) for factor in found))  # (N,)
    c = xp.astype(limit / xp.maximum(norm, limit), X.dtype) / X.shape[0]  # C/max(‖g‖, C) ≤ 1
    return pack(xp, at.layers, [factor.total(at.backend, c[:, None]) for factor in found])


def kernel(at: At, X1: Array, X2: Array | None) -> Any:
    """J_n J_mᵀ of every pair of examples, (N1, N2, n_L, n_L), with J_n = ∂A_n/∂θ."""
    first = _of_outputs(at, X1)
    second = first if X2 is None else _of_outputs(at, X2)
    xp = at.backend.xp
    return sum(
        _gram(xp, at, a.right, b.right) * _gram(xp, at, a.left, b.left)
        for a, b in zip(first, second, strict=True)
    )


def _of_outputs(at: At, X: Array) -> list[Outer]:
    """The factors of ∂A_nj/∂θ for every output j: a leading axis n_L."""
    A, saved = at.forward(X)
    return at.factors(saved, units(at, A))


def _gram(xp: Namespace, at: At, a: Array | None, b: Array | None) -> Any:
    """The products ⟨a_n, b_m⟩ of rows (I, N1, d) and (J, N2, d), as (N1, N2, I, J); 1 for None."""
    if a is None or b is None:
        return 1.0
    a, b = (x if x.ndim == 3 else x[None, ...] for x in (a, b))
    I, N1, d = a.shape
    J, N2, _ = b.shape
    products = at.backend.matmul(xp.reshape(a, (I * N1, d)), xp.reshape(b, (J * N2, d)).mT)
    return xp.permute_dims(xp.reshape(products, (I, N1, J, N2)), (1, 3, 0, 2))

"""The orthogonal matrix nearest to a matrix, approximately, by matrix products only.

    X ← H / max(‖H‖, 1e-7)
    X ← a X + (b A + c A²) X,   A = X Xᵀ            five times

Each singular value x of H/‖H‖ becomes p(p(…p(x))) with p(x) = a x + b x³ + c x⁵, which ends near 1.
p is steep at 0, so that small singular values grow fast. Jordan et al., "Muon: an optimizer for
hidden layers in neural networks" (2024).
"""

from __future__ import annotations

from xpnet.typing import Array, Namespace

__all__ = ["COEFFICIENTS", "orthogonalise"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(xp: Namespace, H: Array) -> Array:
    """NS⁵(H) of matrices H (..., m, n), by products with the smaller of H Hᵀ and Hᵀ H."""
    tall = H.shape[-2] > H.shape[-1]
    X = xp.matrix_transpose(H) if tall else H
    size = xp.sqrt(xp.sum(X * X, axis=(-2, -1), keepdims=True))
    X = X / xp.maximum(size, 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(5):
        A = xp.matmul(X, xp.matrix_transpose(X))
        X = a * X + xp.matmul(b * A + c * xp.matmul(A, A), X)
    return xp.matrix_transpose(X) if tall else X

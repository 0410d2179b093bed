"""Laplacians of the outputs by the inputs, and their gradients by θ (`equations.laplacians`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.derivatives.at import At
from xpnet.equations.laplacians import Second, chain_laplacian, chain_laplacian_gradients
from xpnet.equations.parameters import pack
from xpnet.typing import Array

__all__ = ["Laplacian", "laplacian", "laplacian_gradient"]


class Laplacian(NamedTuple):
    """Outputs and their derivatives by X, along D directions.

    Attributes
    ----------
    outputs : (N, n_L)
    gradient : (N, n_L, D)
        The derivative of each output along each direction.
    laplacian : (N, n_L)
        The sum of the second derivatives along the directions.
    """

    outputs: Any
    gradient: Any
    laplacian: Any


def laplacian(at: At, X: Array, directions: Array) -> Laplacian:
    """The outputs A, ∂A/∂x_d and Σ_d ∂²A/∂x_d² for directions (D, n_0)."""
    xp = at.backend.xp
    A, saved = at.forward(X)
    (t, l, _), _ = _forward(at, X, saved, directions)
    return Laplacian(A, xp.permute_dims(t, (1, 2, 0)), xp.zeros_like(A) if l is None else l)


def laplacian_gradient(at: At, X: Array, directions: Array, U: Array, dU: Array, lU: Array) -> Any:
    """The gradient of Σ U ∘ A + dU ∘ ∂A/∂x + lU ∘ lA by θ, flat (P,)."""
    xp = at.backend.xp
    _, saved = at.forward(X)
    _, kept = _forward(at, X, saved, directions)
    d = Second(xp.permute_dims(dU, (2, 0, 1)), lU, U)
    dp, _ = chain_laplacian_gradients(at.backend, at.layers, at.p, saved, kept, d)
    return pack(xp, at.layers, dp)


def _forward(at: At, X: Array, saved: list[Any], directions: Array) -> tuple[Second, list[Any]]:
    xp, D = at.backend.xp, directions.shape[0]
    tX = xp.asarray(xp.broadcast_to(directions[:, None, :], (D, *X.shape)), copy=True)
    return chain_laplacian(at.backend, at.layers, at.p, saved, Second(tX, None))

"""First derivatives of the outputs A (N, n_L) by X and θ: products with J, with Jᵀ, and J itself.

    jvp   tA = J_X tX + J_θ tθ         one tangent pass
    vjp   dX = J_Xᵀ dA, dθ = J_θᵀ dA   one backward pass, from dA instead of a loss

J_θ (N · n_L, P) and J_X are never formed for them. A row of J for each output is a backward pass
from a unit vector. The n_L unit vectors of all outputs are a leading axis of one pass.
"""

from __future__ import annotations

from typing import Any

from xpnet.derivatives.at import At
from xpnet.equations.parameters import slots
from xpnet.typing import Array

__all__ = [
    "by_parameters",
    "jacobian_by_inputs",
    "jacobian_by_parameters",
    "jvp",
    "units",
    "vjp",
]


def jvp(at: At, X: Array, tX: Array | None, ttheta: Array | None) -> tuple[Any, Any]:
    """A and tA = J_X tX + J_θ tθ, both (N, n_L)."""
    A, saved = at.forward(X)
    return A, at.tangent(saved, tX, ttheta)[0]


def vjp(at: At, X: Array, U: Array) -> tuple[Any, Any]:
    """J_θᵀ U, flat (P,), and J_Xᵀ U (N, n_0)."""
    _, saved = at.forward(X)
    return at.backward(saved, U)


def jacobian_by_inputs(at: At, X: Array) -> Any:
    """∂A_n/∂X_n of each example, (N, n_L, n_0)."""
    A, saved = at.forward(X)
    dX = at.input_gradient(saved, units(at, A))  # (n_L, N, n_0)
    return at.backend.xp.moveaxis(dX, 0, 1)


def jacobian_by_parameters(at: At, X: Array) -> Any:
    """∂A_n/∂θ of each example, (N, n_L, P)."""
    xp = at.backend.xp
    A, saved = at.forward(X)
    factors = at.factors(saved, units(at, A))
    return xp.moveaxis(by_parameters(at, factors), 0, 1)


def by_parameters(at: At, factors: list[Any]) -> Any:
    """The gradient of each example, (..., N, P), in the layout of θ."""
    xp = at.backend.xp
    parts = [
        (slot.offset, factor.each(xp))
        for slot, factor in zip(slots(at.layers), factors, strict=True)
    ]
    lead = max((each.shape[:-1] for _, each in parts), key=len)
    parts = sorted(parts, key=lambda part: part[0])
    return xp.concat([xp.broadcast_to(x, (*lead, x.shape[-1])) for _, x in parts], axis=-1)


def units(at: At, A: Array) -> Any:
    """A unit vector for each output, for all examples: (n_L, N, n_L)."""
    xp, (N, n) = at.backend.xp, A.shape
    rows = xp.eye(n, dtype=A.dtype, device=at.backend.device)[:, None, :]
    return xp.asarray(xp.broadcast_to(rows, (n, N, n)), copy=True)

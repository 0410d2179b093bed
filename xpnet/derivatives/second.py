"""Second derivatives of the mean loss by θ: products with its Hessian and with the Gauss-Newton.

With B the outputs at which the loss begins (`xpnet.losses.cut`), J = ∂B/∂θ, H_n = ∂²loss_n/∂B_n²:

    H v = J(θ)ᵀ (H_B J v) + (∂J/∂θ v)ᵀ dB       a tangent pass, and the tangent of a backward pass
    G v = J(θ)ᵀ (H_B J v)                        a tangent pass, and a backward pass

where row n of H_B tB is w_n H_n tB_n / Σ w. Neither H nor G (P, P) is formed. v (K, P) are K
vectors in one pass. B. A. Pearlmutter, "Fast exact multiplication by the Hessian" (1994);
N. N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent" (2002).
"""

from __future__ import annotations

from typing import Any

from xpnet.derivatives.at import At
from xpnet.equations.parameters import layout
from xpnet.losses.cut import Cut
from xpnet.typing import Array

__all__ = ["ggnvp", "hessian", "hvp"]

_NUMBERS = 2**22
"""The numbers of the widest layer, for all unit vectors that a pass of `hessian` takes."""


def hvp(at: At, cut: Cut, X: Array, Y: Array, weight: Any, v: Array) -> Any:
    """H v (..., P); ``weight`` (N, 1) or a number is w_n / Σ w."""
    xp = at.backend.xp
    B, saved = at.forward(X)
    tB, kept = at.tangent(saved, None, v)
    _, dB = cut.gradient(xp, B, Y)
    tdB = cut.hessian(xp, B, Y, tB)  # (..., N, n_L)
    return at.tangent_backward(saved, kept, v, dB * weight, tdB * weight)[0]


def ggnvp(at: At, cut: Cut, X: Array, Y: Array, weight: Any, v: Array) -> Any:
    """G v (..., P)."""
    B, saved = at.forward(X)
    tB, _ = at.tangent(saved, None, v)
    tdB = cut.curvature(at.backend.xp, B, Y, tB)  # (..., N, n_L)
    return at.backward(saved, tdB * weight, needed=False)[0]


def hessian(at: At, cut: Cut, X: Array, Y: Array, weight: Any) -> Any:
    """H (P, P): its product with the unit vectors, as many at a time as take little memory."""
    xp, P = at.backend.xp, layout(at.layers).size
    units = xp.eye(P, dtype=X.dtype, device=at.backend.device)
    K = max(1, _NUMBERS // (X.shape[0] * max(layer.fan_out for layer in at.layers)))
    parts = [hvp(at, cut, X, Y, weight, units[k : min(k + K, P), :]) for k in range(0, P, K)]
    return xp.concat(parts, axis=0)

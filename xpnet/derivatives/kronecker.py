"""Kronecker factors of the curvature of each parameter, as K-FAC uses them.

The Gauss-Newton block of W_l is Σ_n (a_n a_nᵀ) ⊗ G_n / N, where a_n is the layer's input and G_n
the curvature by z_n. Its Kronecker approximation takes the two means apart:

    (Σ_n a_n a_nᵀ / N) ⊗ (Σ_n G_n / N)        G_n = S_n S_nᵀ

The columns of S_n are cotangents of loss_n alone, without 1/N or weights, sent back to z_n. With
"ggn" they begin as the n_L columns of a square root of H_n, the curvature of loss_n
(`xpnet.losses.cut`); with "sampled" as the gradient for one label drawn from the network's own
distribution; with "empirical" for Y. J. Martens and R. Grosse, "Optimizing neural networks with
Kronecker-factored approximate curvature" (2015); A. Botev et al., "Practical Gauss-Newton
optimisation for deep learning" (2017).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.derivatives.at import At
from xpnet.derivatives.first import units
from xpnet.equations.factors import Outer
from xpnet.equations.parameters import Slot, slots
from xpnet.losses.cut import Cut
from xpnet.typing import Array

__all__ = ["KroneckerFactors", "factors_of", "square_root"]


class KroneckerFactors(NamedTuple):
    """Both factors of one block of parameters: a dense layer's (W, b), or one other parameter.

    Attributes
    ----------
    A : (n_{l-1} + 1, n_{l-1} + 1)
        Σ_n a_n a_nᵀ / N, where a_n ends with a 1 if the block has a bias. Of a row, such as a gain:
        [[1]].
    G : (n_l, n_l)
        Σ_n G_n / N. The block's Gauss-Newton matrix is about G ⊗ A for [W | b], row after row; of
        an embedding's E, A ⊗ G, since its rows are the inputs.
    """

    A: Any
    G: Any


def square_root(at: At, cut: Cut, B: Array, Y: Array) -> Any:
    """S (n_L, N, n_L), where Σ_k s_nk s_nkᵀ = H_n of each example: Cholesky's columns.

    A pivot that is only rounding, as one of a softmax always is, gives a column of zeros.
    """
    xp, n = at.backend.xp, B.shape[-1]
    H = xp.moveaxis(cut.curvature(xp, B, Y, units(at, B)), 0, 1)  # (N, n_L, n_L)
    whole, least = H, n * float(xp.finfo(B.dtype).eps)
    columns = []
    for k in range(n):
        pivot = H[:, k, k]  # (N,)
        kept = pivot > whole[:, k, k] * least
        s = H[:, :, k] / xp.sqrt(xp.where(kept, pivot, 1.0))[:, None]
        s = xp.where(kept[:, None], s, 0.0)  # (N, n_L)
        H = H - s[:, :, None] * s[:, None, :]
        columns.append(s)
    return xp.stack(columns, axis=0)


def factors_of(at: At, saved: list[Any], S: Array) -> list[KroneckerFactors]:
    """The factors of every block, for cotangents S (N, n_L), or (K, N, n_L) whose G are added."""
    outers, found = at.factors(saved, S), []
    pairs = zip(slots(at.layers), outers, [*outers[1:], None], strict=True)
    weight_before: Any = None
    for slot, outer, after in pairs:
        if outer.left is None and outer.right is weight_before:
            continue  # a bias, in the block of its weight
        weight_before = outer.left
        has_bias = after is not None and after.left is None and after.right is outer.left
        found.append(_block(at, slot, outer, has_bias))
    return found


def _block(at: At, slot: Slot, outer: Outer, has_bias: bool) -> KroneckerFactors:
    """Both factors of one parameter, or of a weight with its bias."""
    xp, (left, right) = at.backend.xp, outer
    if left is None:
        left, right = right, xp.ones((1, 1), dtype=right.dtype, device=at.backend.device)
    if slot.is_table:
        left, right = right, left  # the one-hot rows are the input of an embedding
    if has_bias:
        right = xp.concat([right, xp.ones_like(right[..., :1])], axis=-1)
    return KroneckerFactors(_second_moment(at, right), _second_moment(at, left))


def _second_moment(at: At, x: Array) -> Any:
    """Σ_n x_n x_nᵀ / N of rows x (N, n), or (K, N, n) added over K."""
    flat = at.backend.xp.reshape(x, (-1, x.shape[-1]))
    return at.backend.matmul(flat.mT, flat) / x.shape[-2]

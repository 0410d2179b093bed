"""Factors: the gradient of each example, before the sum over the examples.

In dW = dZᵀ A = Σ_n dz_n a_nᵀ, with dz_n and a_n the rows of dZ and A as columns, the gradient of
example n is the outer product of two vectors. It need not be formed:

    dW_n = dz_n a_nᵀ                         (n_l, n_{l-1})
    ‖dW_n‖² = ‖dz_n‖² ‖a_n‖²
    ⟨dW_n, dW_m⟩ = ⟨dz_n, dz_m⟩ ⟨a_n, a_m⟩
    Σ_n c_n dW_n = dZᵀ (c ∘ A)               for weights c (N, 1)

I. Goodfellow, "Efficient per-example gradient computations" (2015). db_n = dz_n is the same with 1
for a_n. Every parameter of every layer here has factors of that form. If a layer couples the
examples of a batch, as batch normalisation does in training, the sum of the terms is still the
gradient, but a term is not the gradient of one example's loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xpnet.backends.base import Backend
from xpnet.equations.passes import each_part
from xpnet.equations.protocol import BoundLayer, method
from xpnet.equations.sums import of_squares
from xpnet.typing import Array, Namespace

__all__ = ["Outer", "chain_factors"]


class Outer(NamedTuple):
    """One parameter's terms G_n = left_n right_nᵀ (rows, columns), whose sum is its gradient.

    Attributes
    ----------
    left : (..., N, rows) or None
        None stands for ones (N, 1), if the parameter is a row (1, columns).
    right : (..., N, columns)
    """

    left: Any
    right: Any

    def each(self, xp: Namespace) -> Array:
        """Every G_n as a row, (..., N, rows · columns)."""
        if self.left is None:
            return self.right
        G = self.left[..., :, None] * self.right[..., None, :]  # (..., N, rows, columns)
        return xp.reshape(G, (*G.shape[:-2], -1))

    def total(self, backend: Backend, c: Array) -> Any:
        """Σ_n c_n G_n for weights c (N, 1), in the parameter's shape (rows, columns)."""
        return backend.matmul(c.mT if self.left is None else (c * self.left).mT, self.right)

    def squares(self, xp: Namespace) -> Array:
        """‖G_n‖² of each example, (..., N)."""
        of_right = of_squares(xp, self.right)
        return of_right if self.left is None else of_squares(xp, self.left) * of_right


def chain_factors(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    saved: Sequence[Any],
    dA: Array,
    is_first: bool = False,
) -> tuple[list[Outer], Any]:
    """Return (the factors of every parameter, dA_0): `chain_gradients` without sums over examples.

    dA may have a leading axis, (K, N, n): K cotangents in one pass. dA_0 may be None if
    ``is_first``.
    """
    found: list[Outer] = []
    for l, (layer, part, _) in reversed(list(enumerate(each_part(layers)))):
        factors: Callable[..., Any] = method(layer, "factors")
        each, dA = factors(backend, p[part], saved[l], dA, l > 0 or not is_first)
        found = each + found
    return found, dA

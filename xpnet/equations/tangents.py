"""Tangents of the passes: their derivatives along one direction of X and θ.

tX and tθ give the direction, and t· is the derivative of · along it. Of the forward pass:

    tZ_l = tA_{l-1} W_lᵀ + A_{l-1} tW_lᵀ + tb_l        (N, n_l)
    tA_l = f'_l(Z_l) tZ_l

and of the backward pass, where the last term of the first line has f'':

    tdZ_l = f'_l(Z_l)ᵀ tdA_l + (f''_l(Z_l) tZ_l)ᵀ dA_l        (N, n_l)
    tdW_l = tdZ_lᵀ A_{l-1} + dZ_lᵀ tA_{l-1}                    (n_l, n_{l-1})
    tdb_l = 1ᵀ tdZ_l                                           (1, n_l)
    tdA_{l-1} = tdZ_l W_l + dZ_l tW_l                          (N, n_{l-1})

B. A. Pearlmutter, "Fast exact multiplication by the Hessian" (1994), writes R{·} for t·. Each line
is the product rule applied to a line of `xpnet.equations.passes`. docs/derivatives.md derives them.

A tangent that is zero is None, so that its products cost nothing. Tangents may have a leading axis
(K, …): K directions in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.backends.base import Backend
from xpnet.equations.activation import Activation
from xpnet.equations.passes import each_part
from xpnet.equations.protocol import BoundLayer, method
from xpnet.typing import Array

__all__ = [
    "add",
    "chain_tangent",
    "chain_tangent_gradients",
    "dense_activation_tangent",
    "dense_gradients_tangent",
    "dense_input_gradient_tangent",
    "dense_preactivation_gradient_tangent",
    "dense_preactivation_tangent",
    "product",
]


def add(*terms: Array | None) -> Any:
    """The sum of the terms that are not None; None if all are."""
    there = [term for term in terms if term is not None]
    return sum(there[1:], start=there[0]) if there else None


def product(backend: Backend, a: Array | None, b: Array | None) -> Any:
    """A b, or None if one of them is zero."""
    return None if a is None or b is None else backend.matmul(a, b)


def _mT(x: Array | None) -> Any:
    return None if x is None else x.mT


# --- one dense layer


def dense_preactivation_tangent(
    backend: Backend, A: Array, W: Array, tA: Array, tW: Array, tb: Array
) -> Any:
    """tZ_l = tA_{l-1} W_lᵀ + A_{l-1} tW_lᵀ + tb_l."""
    return add(product(backend, tA, W.mT), product(backend, A, _mT(tW)), tb)  # (N, n_l)


def dense_activation_tangent(backend: Backend, f: Activation, Z: Array, A: Array, tZ: Array) -> Any:
    """tA_l = f'_l(Z_l) tZ_l."""
    return f.tangent(backend.xp, Z, A, tZ)  # (N, n_l)


def dense_preactivation_gradient_tangent(
    backend: Backend, f: Activation, Z: Array, A: Array, tZ: Array, dA: Array, tdA: Array
) -> Any:
    """tdZ_l = f'_l(Z_l)ᵀ tdA_l + (f''_l(Z_l) tZ_l)ᵀ dA_l."""
    tdZ = f.second_product(backend.xp, Z, A, tZ, dA)
    return tdZ + f.product(backend.xp, Z, A, tdA)  # (N, n_l)


def dense_gradients_tangent(
    backend: Backend, A: Array, tA: Array, dZ: Array, tdZ: Array
) -> list[Any]:
    """tdW_l = tdZ_lᵀ A_{l-1} + dZ_lᵀ tA_{l-1} and tdb_l = 1ᵀ tdZ_l."""
    ones = backend.xp.ones((1, tdZ.shape[-2]), dtype=tdZ.dtype, device=backend.device)
    tdW = add(backend.matmul(tdZ.mT, A), product(backend, dZ.mT, tA))  # (n_l, n_{l-1})
    return [tdW, backend.matmul(ones, tdZ)]  # (1, n_l)


def dense_input_gradient_tangent(
    backend: Backend, dZ: Array, tdZ: Array, W: Array, tW: Array
) -> Any:
    """tdA_{l-1} = tdZ_l W_l + dZ_l tW_l."""
    return add(backend.matmul(tdZ, W), product(backend, dZ, tW))  # (N, n_{l-1})


# --- the chain of layers


def chain_tangent(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    tp: Sequence[Array | None],
    saved: Sequence[Any],
    tA: Array | None,
) -> tuple[Any, list[Any]]:
    """Pass tA through the layers in turn; return (tA, what each layer saved of tangents)."""
    kept = []
    for l, (layer, part, _) in enumerate(each_part(layers)):
        tangent: Callable[..., Any] = method(layer, "tangent")
        tA, keep = tangent(backend, p[part], tp[part], saved[l], tA)
        kept.append(keep)
    return tA, kept


def chain_tangent_gradients(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    tp: Sequence[Array | None],
    saved: Sequence[tuple[Any, Any]],
    dA: Array,
    tdA: Array,
    is_first: bool = False,
) -> tuple[list[Any], Any, Any]:
    """Return (the tangents of the parameters' gradients, dA_0, tdA_0), from dA and tdA.

    ``saved`` has for each layer what it saved of the pass and of its tangents. dA_0 and tdA_0 may
    be None if ``is_first``.
    """
    tdp: list[Any] = []
    for l, (layer, part, _) in reversed(list(enumerate(each_part(layers)))):
        gradients: Callable[..., Any] = method(layer, "tangent_gradients")
        needed = l > 0 or not is_first
        d, dA, tdA = gradients(backend, p[part], tp[part], *saved[l], dA, tdA, needed)
        tdp = d + tdp
    return tdp, dA, tdA

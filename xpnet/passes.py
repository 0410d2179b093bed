"""The forward and the backward pass of a dense network, as matrix equations.

N examples are rows, layer l = 1 … L has widths n_{l-1} → n_l, and A_0 = X:

    Z_l = A_{l-1} W_lᵀ + b_l      W_l: (n_l, n_{l-1})   b_l: (n_l,)   Z_l, A_l: (N, n_l)
    A_l = f_l(Z_l)
    dZ_L = ∂loss/∂Z_L             where loss = Σ_n w_n loss_n / Σ_n w_n
    dW_l = dZ_lᵀ A_{l-1}          (n_l, n_{l-1})
    db_l = 1ᵀ dZ_l                (n_l,)
    dA_{l-1} = dZ_l W_l           (N, n_{l-1})
    dZ_{l-1} = dA_{l-1} ∘ f'_{l-1}(Z_{l-1})

3L − 1 products, and L row sums as 1ᵀ dZ, which on a CPU is quicker than a sum. Derived index by
index in docs/backprop.md. Lists are indexed as in the equations: W[l], b[l], Z[l] and A[l], with
W[0], b[0] and Z[0] empty; b[l] and db[l] are rows (1, n_l). Examples are axis −2 and features axis
−1, so a leading axis, of θ (R, P) and of X (R, N, n_0) or (N, n_0), makes it R networks at once.

These functions are pure but for the buffers they are given, run on arrays of one device, and check
nothing: `xpnet.Network` does that at its edge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.backends.base import Backend
from xpnet.losses import Loss, from_preactivation
from xpnet.parameters import Layers, pack, unpack

__all__ = ["Trace", "backward", "forward", "gradient", "outputs"]


class Trace(NamedTuple):
    """What the backward pass needs of the forward one: W_l, A_0 … A_{L-1} and Z_1 … Z_L."""

    W: list[Any]
    A: list[Any]
    Z: list[Any]


def forward(backend: Backend, layers: Layers, theta: Any, X: Any) -> Trace:
    """Every layer's Z_l, and every A_l but the last, which a matched loss never needs."""
    xp, f, (W, b) = backend.xp, _functions(layers), _views(backend, layers, theta)
    A, Z = [X], [None]
    for l in range(1, len(layers) + 1):
        Z.append(backend.matmul(A[l - 1], W[l].mT))  # (N, n_l)
        Z[l] += b[l]
        if l < len(layers):
            A.append(f[l].f(xp, Z[l]))  # (N, n_l)
    return Trace(W, A, Z)


def outputs(backend: Backend, layers: Layers, theta: Any, X: Any) -> Any:
    """A_L = f_L(Z_L), (N, n_L)."""
    Z_L = forward(backend, layers, theta, X).Z[-1]
    return layers[-1].activation.f(backend.xp, Z_L)


def backward(backend: Backend, layers: Layers, trace: Trace, dZ: Any, out: Any = None) -> Any:
    """The gradient with respect to θ, flat as θ is, from dZ = dZ_L.

    It is written into ``out`` where one is given, which the backend must be able to write to; else
    it is a new array.
    """
    xp, f, (W, A, Z) = backend.xp, _functions(layers), trace
    dW, db = _views(backend, layers, out)
    ones = xp.ones((1, dZ.shape[-2]), dtype=dZ.dtype, device=backend.device)
    for l in range(len(layers), 0, -1):
        dW[l] = backend.matmul(dZ.mT, A[l - 1], out=dW[l])  # (n_l, n_{l-1})
        db[l] = backend.matmul(ones, dZ, out=db[l])  # (1, n_l)
        if l > 1:
            dA = backend.matmul(dZ, W[l])  # (N, n_{l-1})
            dZ = f[l - 1].vjp(xp, Z[l - 1], A[l - 1], dA)  # (N, n_{l-1})
    return pack(xp, dW[1:], db[1:]) if out is None else out


def gradient(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    theta: Any,
    X: Any,
    Y: Any,
    w: Any,
    scale: Any,
    out: Any = None,
) -> tuple[Any, Any]:
    """Σ w_n loss_n, and the gradient of scale · Σ w_n loss_n with respect to θ.

    scale is 1/Σw for the mean loss, 1 for sums that are added up elsewhere.
    """
    trace = forward(backend, layers, theta, X)
    output = layers[-1].activation
    total, dZ = from_preactivation(backend.xp, loss, output, trace.Z[-1], Y, w, scale)
    return total, backward(backend, layers, trace, dZ, out)


def _functions(layers: Layers) -> list[Any]:
    return [None, *(layer.activation for layer in layers)]


def _views(backend: Backend, layers: Layers, flat: Any) -> tuple[list[Any], list[Any]]:
    """W[1] … W[L] and b[1] … b[L], the biases as rows (..., 1, n_l); all None without a vector."""
    if flat is None:
        nothing = [None] * (len(layers) + 1)
        return nothing, list(nothing)
    weights, biases = unpack(backend.xp, layers, flat)
    return [None, *weights], [None, *(b[..., None, :] for b in biases)]

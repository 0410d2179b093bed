"""The forward and the backward pass, as matrix equations.

N examples are rows, layer l = 1 … L has widths n_{l-1} → n_l, and A_0 = X:

    Z_l = A_{l-1} W_lᵀ + b_l      W_l: (n_l, n_{l-1})   b_l: (1, n_l)   Z_l, A_l: (N, n_l)
    A_l = f_l(Z_l)
    dZ_L = ∂loss/∂Z_L             where loss = Σ_n w_n loss_n / Σ_n w_n
    dW_l = dZ_lᵀ A_{l-1}          (n_l, n_{l-1})
    db_l = 1ᵀ dZ_l                (1, n_l)
    dA_{l-1} = dZ_l W_l           (N, n_{l-1})
    dZ_{l-1} = dA_{l-1} ∘ f'_{l-1}(Z_{l-1})

These are 3L − 1 products and L sums over the examples. The sums are computed as products 1ᵀ dZ,
which is faster on a CPU. docs/backprop.md derives the equations index by index. Here the equations
of one dense layer come first, then the chain of all layers (`xpnet.layers`), each with its own
equations.

In this file b_l is a row (1, n_l); `net.biases` gives it as (n_l,). Examples are axis −2 and
features axis −1. θ (P,) holds a network's P parameters. θ (R, P) computes R networks at once; X is
(R, N, n_0), or (N, n_0) shared by all.

The functions are pure except that they write into buffers passed to them. They run on arrays of one
device. They check only what a user's layer returns: `xpnet.Network` checks the arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from xpnet.backends.base import Backend
from xpnet.equations.activation import Activation
from xpnet.equations.parameters import Layers, pack, unpack
from xpnet.equations.protocol import (
    INFERENCE,
    PREDICTION,
    BoundLayer,
    Context,
    check_forward,
    check_gradients,
    fill_buffers,
)
from xpnet.equations.returned import is_users
from xpnet.typing import Array

__all__ = [
    "Trace",
    "backward",
    "chain",
    "chain_gradients",
    "dense_activation",
    "dense_gradients",
    "dense_input_gradient",
    "dense_preactivation",
    "dense_preactivation_gradient",
    "each_part",
    "forward",
    "outputs",
]


# --- one dense layer


def dense_preactivation(backend: Backend, A: Array, W: Array, b: Array) -> Array:
    """Z_l = A_{l-1} W_lᵀ + b_l."""
    Z = backend.matmul(A, W.mT)  # (N, n_l)
    Z += b
    return Z


def dense_activation(backend: Backend, f: Activation, Z: Array) -> Array:
    """A_l = f_l(Z_l)."""
    return f.value(backend.xp, Z)  # (N, n_l)


def dense_preactivation_gradient(
    backend: Backend, f: Activation, Z: Array, A: Array, dA: Array
) -> Array:
    """dZ_l = dA_l ∘ f'_l(Z_l); for a softmax, its vector-Jacobian product."""
    return f.product(backend.xp, Z, A, dA)  # (N, n_l)


def dense_gradients(backend: Backend, A: Array, dZ: Array, g: Sequence[Array]) -> list[Array]:
    """dW_l = dZ_lᵀ A_{l-1} and db_l = 1ᵀ dZ_l, into the buffers g = (dW_l, db_l) or new arrays."""
    ones = backend.xp.ones((1, dZ.shape[-2]), dtype=dZ.dtype, device=backend.device)
    dW = backend.matmul(dZ.mT, A, out=g[0])  # (n_l, n_{l-1})
    db = backend.matmul(ones, dZ, out=g[1])  # (1, n_l)
    return [dW, db]


def dense_input_gradient(backend: Backend, dZ: Array, W: Array) -> Array:
    """dA_{l-1} = dZ_l W_l."""
    return backend.matmul(dZ, W)  # (N, n_{l-1})


# --- the chain of layers


class Trace(NamedTuple):
    """What a forward pass returns, for the backward pass.

    Attributes
    ----------
    p : sequence of arrays
        Views of every layer's parameters.
    saved : list
        What each layer except the last saved for its backward pass.
    A, Z : arrays
        The last layer's input A_{L-1} and pre-activation Z_L.
    stats : tuple of arrays
        The layers' statistics after the pass.
    """

    p: Sequence[Any]
    saved: list[Any]
    A: Any
    Z: Any
    stats: tuple[Any, ...]


def forward(
    backend: Backend,
    layers: Layers,
    theta: Array,
    X: Array,
    stats: tuple[Array, ...] = (),
    ctx: Context = INFERENCE,
    p: Sequence[Array] | None = None,
) -> Trace:
    """Run the forward pass up to Z_L.

    A loss paired with the output activation, as cross entropy with softmax, starts from Z_L and
    never needs A_L. ``p`` are the views of θ, if they exist already.
    """
    p = unpack(backend.xp, layers, theta) if p is None else p
    A, saved, stats = chain(backend, layers[:-1], p, stats, X, ctx)
    return Trace(p, saved, A, dense_preactivation(backend, A, p[-2], p[-1]), stats)


def outputs(
    backend: Backend,
    layers: Layers,
    theta: Array,
    X: Array,
    stats: tuple[Array, ...] = (),
    p: Sequence[Array] | None = None,
) -> Array:
    """A_L = f_L(Z_L), (N, n_L)."""
    Z_L = forward(backend, layers, theta, X, stats, PREDICTION, p).Z
    return dense_activation(backend, layers[-1].activation, Z_L)


def backward(
    backend: Backend, layers: Layers, trace: Trace, dZ: Array, out: Array | None = None
) -> Array:
    """Return the gradient with respect to θ, flat like θ, from dZ = dZ_L.

    It is written into ``out`` if that is given, which the backend must be able to write to.
    Otherwise it is a new array.
    """
    p, saved, A, *_ = trace
    g = [None] * len(p) if out is None else unpack(backend.xp, layers, out)
    dp = dense_gradients(backend, A, dZ, g[-2:])
    if saved:
        dA = dense_input_gradient(backend, dZ, p[-2])
        dp = chain_gradients(backend, layers[:-1], p, saved, dA, g, is_first=True)[0] + dp
    return pack(backend.xp, layers, dp) if out is None else out


def chain(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    stats: tuple[Array, ...],
    A: Array,
    ctx: Context,
) -> tuple[Array, list[Array], tuple[Array, ...]]:
    """Pass A through the layers in turn; return (A, what each layer saved, their statistics)."""
    saved: list[Any] = []
    after: list[Any] = []
    for layer, part, kept in each_part(layers):
        found = layer.forward(backend, p[part], stats[kept], A, ctx)
        if is_users(layer):
            check_forward(layer, found, A)
        A, save, stat = found
        saved.append(save)
        after.extend(stat)
    return A, saved, tuple(after)


def chain_gradients(
    backend: Backend,
    layers: Sequence[BoundLayer],
    p: Sequence[Array],
    saved: Sequence[Any],
    dA: Array,
    g: Sequence[Array],
    is_first: bool = False,
) -> tuple[list[Array], Array]:
    """Return (the parameters' gradients, dA_0), where A_0 is the input of these layers.

    dA_0 may be None if ``is_first``.
    """
    dp: list[Any] = []
    for l, (layer, part, _) in reversed(list(enumerate(each_part(layers)))):
        needed = l > 0 or not is_first
        found = layer.gradients(backend, p[part], saved[l], dA, g[part], needed)
        if is_users(layer):
            check_gradients(layer, found, dA, needed)
            fill_buffers(g[part], found[0])
        d, dA = found
        dp = d + dp
    return dp, dA


def each_part(layers: Sequence[BoundLayer]) -> Iterator[tuple[BoundLayer, slice, slice]]:
    """Each layer, with the slices of its own parameters and its own statistics."""
    i = j = 0
    for layer in layers:
        m, n = i + len(layer.slots), j + layer.n_stats
        yield layer, slice(i, m), slice(j, n)
        i, j = m, n

"""Backpropagation by loops over every neuron and every weight: a reference for the matrix form.

The functions take one example at a time. Vectors are columns: z_l = W_l a_{l-1} + b_l. In index
sums, with a_0 = x:

    delta_L[j]     = 2 (a_L[j] − y[j])                  loss = Σ_j (a_L[j] − y[j])²
    delta_{l-1}[k] = Σ_j W_l[j, k] f'(z_l[j]) delta_l[j]
    dW_l[j, k]     = a_{l-1}[k] f'(z_l[j]) delta_l[j]
    db_l[j]        = f'(z_l[j]) delta_l[j]

delta_l[j] is ∂loss/∂a_l[j]. Only the forward pass has a matrix product. The module does not use
xpnet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["backpropagate", "forward"]

Array: TypeAlias = npt.NDArray[np.float64]
Function: TypeAlias = Callable[[Array], Array]
Functions: TypeAlias = Function | Sequence[Function]
"""One elementwise function for all layers, or one for each layer."""


def forward(
    weights: Sequence[Array], biases: Sequence[Array], x: npt.ArrayLike, f: Functions
) -> tuple[list[Array], list[Array]]:
    """Return activations [a_0, …, a_L] and pre-activations [z_1, …, z_L] of one example.

    W_l is (n_l, n_{l-1}) and b_l (n_l,); x is (n_0,), or a column (n_0, 1).
    """
    a = [np.asarray(x, dtype=np.float64).reshape(-1)]
    z: list[Array] = []
    for W, b, f_l in zip(weights, biases, _each(f, len(weights)), strict=True):
        z.append(W @ a[-1] + b)
        a.append(f_l(z[-1]))
    return a, z


def backpropagate(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    f: Functions,
    df: Functions,
) -> list[list[Array]]:
    """Return [weightgrad, biasgrad] of one example's squared error Σ_j (a_L[j] − y[j])².

    ``df`` is the derivative of ``f`` as a function of z. Every gradient has the shape of its
    parameter.
    """
    a, z = forward(weights, biases, x, f)
    target = np.asarray(y, dtype=np.float64).reshape(-1)
    weightgrad = [np.zeros(W.shape) for W in weights]
    biasgrad = [np.zeros(b.shape) for b in biases]

    delta = np.zeros(len(target))
    for j in range(len(target)):
        delta[j] = 2.0 * (a[-1][j] - target[j])

    for l in range(len(weights) - 1, -1, -1):
        n_out, n_in = weights[l].shape
        derivative = _each(df, len(weights))[l](z[l])
        for j in range(n_out):
            biasgrad[l][j] = derivative[j] * delta[j]
            for k in range(n_in):
                weightgrad[l][j, k] = a[l][k] * derivative[j] * delta[j]
        if l > 0:
            delta_below = np.zeros(n_in)
            for k in range(n_in):
                for j in range(n_out):
                    delta_below[k] += weights[l][j, k] * derivative[j] * delta[j]
            delta = delta_below
    return [weightgrad, biasgrad]


def _each(f: Functions, n_layers: int) -> Sequence[Function]:
    return [f] * n_layers if callable(f) else f

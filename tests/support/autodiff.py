"""xpnet's networks and losses written in torch and JAX, for their automatic derivatives.

They use each library's own functions, so that nothing is shared with xpnet.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def torch_loss(layers: list[tuple[Any, Any]], names: list[str], loss: str, X: Any, Y: Any) -> Any:
    """Return the mean loss from torch's functions; layers are (W, b) tensors, Y labels or rows."""
    import torch
    from torch.nn import functional as F

    from tests.support.twins import ACTIVATIONS

    A, Z = X, X
    for (W, b), name in zip(layers, names, strict=True):
        Z = F.linear(A, W, b)
        A = ACTIVATIONS[name](Z)
    k = A.shape[-1] // 2
    return {
        "squared_error": lambda: ((A - Y) ** 2).sum(dim=-1).mean(),
        "mean_squared_error": lambda: F.mse_loss(A, Y),
        "absolute_error": lambda: F.l1_loss(A, Y),
        "huber": lambda: F.huber_loss(A, Y),
        "log_cosh": lambda: (torch.logaddexp(A - Y, Y - A) - math.log(2)).mean(),
        "quantile": lambda: torch.maximum(Y - A, A - Y).mean() / 2,
        "gaussian_nll": lambda: F.gaussian_nll_loss(A[:, :k], Y, torch.exp(A[:, k:]), eps=0.0),
        "poisson": lambda: (A - Y * torch.log(A)).mean(),
        "binary_cross_entropy": lambda: F.binary_cross_entropy_with_logits(Z, Y),
        "cross_entropy": lambda: F.cross_entropy(Z, Y),
    }[loss]()


def jax_loss(layers: list[tuple[Any, Any]], names: list[str], loss: str, X: Any, Y: Any) -> Any:
    """Return the mean loss from jax.nn's functions; layers are (W, b) arrays, Y labels or rows."""
    import jax
    import jax.numpy as jnp

    functions = {
        "identity": lambda z: z,
        "exp": jnp.exp,
        "tanh": jnp.tanh,
        "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    }
    A, Z = X, X
    for (W, b), name in zip(layers, names, strict=True):
        Z = A @ W.T + b
        A = functions[name](Z) if name in functions else getattr(jax.nn, name)(Z)
    k = A.shape[-1] // 2
    R = A - Y if np.shape(Y) == A.shape else None
    return {
        "squared_error": lambda: (R**2).sum(axis=-1).mean(),
        "mean_squared_error": lambda: (R**2).mean(),
        "absolute_error": lambda: jnp.abs(R).mean(),
        "log_cosh": lambda: (jnp.logaddexp(R, -R) - math.log(2)).mean(),
        "quantile": lambda: jnp.maximum(R, -R).mean() / 2,
        "gaussian_nll": lambda: (
            -jax.scipy.stats.norm.logpdf(Y, A[:, :k], jnp.exp(A[:, k:] / 2)).mean()
            - math.log(2 * math.pi) / 2
        ),
        "huber": lambda: jnp.where(jnp.abs(R) <= 1, R**2 / 2, jnp.abs(R) - 0.5).mean(),
        "poisson": lambda: (A - Y * jnp.log(A)).mean(),
        "binary_cross_entropy": lambda: (
            -(Y * jax.nn.log_sigmoid(Z) + (1 - Y) * jax.nn.log_sigmoid(-Z)).mean()
        ),
        "cross_entropy": lambda: (
            -jnp.take_along_axis(jax.nn.log_softmax(Z), jnp.asarray(Y)[:, None], axis=-1).mean()
        ),
    }[loss]()

"""Derivatives by JAX, each one jitted function of θ: what JAX's documentation recommends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["calls"]

Calls = dict[str, Callable[[], Any]]


def outputs(f: Any, theta: Any, x: Any) -> Any:
    """Return Z_L of one example, or of a batch."""
    for W, b in theta[:-1]:
        x = f(x @ W.T + b)
    W, b = theta[-1]
    return x @ W.T + b


def cross_entropy(Z: Any, y: Any) -> Any:
    """Return the mean loss of logits and integer labels."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(Z), y[..., None], axis=-1))


def calls(case: Any) -> Calls:
    """Return a call for each derivative of the case."""
    f = {"relu": jax.nn.relu, "tanh": jnp.tanh}[case.activation]
    theta, v = case.parts(case.theta), case.parts(case.v)
    theta, v, X, Y = jax.tree.map(jnp.asarray, (theta, v, case.X, case.Y))

    def loss(theta: Any, X: Any, Y: Any) -> Any:
        return cross_entropy(outputs(f, theta, X), Y)

    grad = jax.grad(loss)
    of_each = jax.vmap(grad, (None, 0, 0))

    def hvp(theta: Any, v: Any, X: Any, Y: Any) -> Any:
        return jax.jvp(lambda theta: grad(theta, X, Y), (theta,), (v,))[1]

    def ggnvp(theta: Any, v: Any, X: Any, Y: Any) -> Any:
        def logits(theta: Any) -> Any:
            return outputs(f, theta, X)

        Z, tZ = jax.jvp(logits, (theta,), (v,))
        tdZ = jax.jvp(jax.grad(cross_entropy), (Z, Y), (tZ, _zero(Y)))[1]
        return jax.vjp(logits, theta)[1](tdZ)[0]

    def norms(theta: Any, X: Any, Y: Any) -> Any:
        leaves = jax.tree.leaves(of_each(theta, X, Y))
        return jnp.sqrt(sum(jnp.sum(g * g, axis=tuple(range(1, g.ndim))) for g in leaves))

    def clipped(theta: Any, X: Any, Y: Any) -> Any:
        each = of_each(theta, X, Y)
        squares = sum(jnp.sum(g * g, axis=tuple(range(1, g.ndim))) for g in jax.tree.leaves(each))
        c = jnp.minimum(1.0, case.clip_norm / jnp.sqrt(squares)) / len(X)
        return jax.tree.map(lambda g: jnp.tensordot(c, g, axes=1), each)

    def laplacian(theta: Any, X: Any) -> Any:
        def trace(x: Any) -> Any:
            H = jax.jacfwd(jax.jacfwd(lambda x: outputs(f, theta, x)))(x)
            return jnp.trace(H, axis1=1, axis2=2)

        return jax.vmap(trace)(X)

    def jacobian(theta: Any, X: Any) -> Any:
        return jax.vmap(jax.jacrev(lambda x: outputs(f, theta, x)))(X)

    functions: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "gradient": (grad, (theta, X, Y)),
        "hvp": (hvp, (theta, v, X, Y)),
        "ggnvp": (ggnvp, (theta, v, X, Y)),
        "per_example_norms": (norms, (theta, X, Y)),
        "clipped_gradient": (clipped, (theta, X, Y)),
        "per_example_gradients": (of_each, (theta, X, Y)),
        "jacobian": (jacobian, (theta, X)),
        "laplacian": (laplacian, (theta, X)),
    }
    return {
        name: _waiting(jax.jit(functions[name][0]), functions[name][1]) for name in case.derivatives
    }


def _zero(Y: Any) -> Any:
    """The tangent of integers."""
    import numpy as np

    return np.zeros(Y.shape, dtype=jax.dtypes.float0)


def _waiting(function: Any, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    return lambda: jax.block_until_ready(function(*arguments))

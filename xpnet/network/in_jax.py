"""A network inside a JAX program: xpnet's own tangent pass behind `jax.custom_jvp`.

JAX transposes the tangent pass for reverse mode, and differentiates it for higher derivatives. It
works under `jax.jit`, `jax.vmap` and `jax.grad`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax

from xpnet.derivatives.at import At
from xpnet.equations.parameters import unpack
from xpnet.typing import Array

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = ["jax_function"]


def jax_function(net: NetworkPasses) -> Callable[..., Any]:
    """See `xpnet.Network.jax_function`."""
    net = net if net.backend.name == "jax" else net.to("jax")
    own = net.parameters
    backend, layers, stats = net.backend, net.layers, net.statistics

    @jax.custom_jvp
    def outputs(X: Array, theta: Array) -> Any:
        return at(theta).forward(X)[0]

    @outputs.defjvp
    def tangent(primals: Any, tangents: Any) -> tuple[Any, Any]:
        X, theta = primals
        A, saved = at(theta).forward(X)
        return A, at(theta).tangent(saved, *tangents)[0]

    def at(theta: Array) -> At:
        return At(backend, layers, unpack(backend.xp, layers, theta), stats)

    def function(X: Array, theta: Array | None = None) -> Any:
        theta = own if theta is None else theta
        X, theta = jax.numpy.asarray(X), jax.numpy.asarray(theta)
        _check(X, theta, layers[0].fan_in, own)
        A = outputs(X if X.ndim == 2 else X[None, :], theta)
        return A if X.ndim == 2 else A[0, :]

    return function


def _check(X: Any, theta: Any, width: int, own: Array) -> None:
    """Check shapes and dtypes of what the program gives."""
    if X.ndim not in (1, 2) or X.shape[-1] != width:
        raise ValueError(f"X must be (N, {width}) or ({width},), got {X.shape}")
    if theta.shape != own.shape:
        raise ValueError(f"theta must be {own.shape}, got {theta.shape}")
    for name, x in (("X", X), ("theta", theta)):
        if x.dtype != own.dtype:
            raise ValueError(
                f"{name} is {x.dtype}, but the network {own.dtype}: give x.astype(…), or make the "
                "function of net.to(dtype=…)"
            )

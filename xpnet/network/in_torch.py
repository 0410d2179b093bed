"""A network inside a torch program: xpnet's own passes behind `torch.autograd.Function`.

Forward A = f(X, θ); backward (dX, dθ) = Jᵀ U, the backward pass. Its own backward, for cotangents
gX and gθ of dX and dθ, gives J (gX, gθ) for U and the derivative of ⟨U, J (gX, gθ)⟩ for X and θ: a
tangent pass, and the tangent of the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from xpnet.derivatives.at import At
from xpnet.equations.parameters import unpack
from xpnet.typing import Array

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = ["torch_function"]


class _Outputs(Function):
    """(At, X, θ) ↦ A."""

    generate_vmap_rule = True

    @staticmethod
    def forward(at: At, X: Array, theta: Array) -> Any:
        """A (N, n_L)."""
        return _at(at, theta).forward(X)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep X and θ; the passes compute the rest again."""
        ctx.at, X, theta = inputs
        ctx.save_for_backward(X, theta)
        ctx.save_for_forward(X, theta)

    @staticmethod
    def backward(ctx: Any, U: Array) -> tuple[Any, ...]:
        """The cotangents of X and θ."""
        return None, *_Cotangents.apply(ctx.at, *ctx.saved_tensors, U)

    @staticmethod
    def jvp(ctx: Any, _: Any, tX: Array | None, ttheta: Array | None) -> Any:
        """The tangent of A."""
        at, (X, theta) = ctx.at, ctx.saved_tensors
        if tX is None and ttheta is None:
            tX = torch.zeros_like(X)
        at = _at(at, theta)
        return at.tangent(at.forward(X)[1], tX, ttheta)[0]


class _Cotangents(Function):
    """(At, X, θ, U) ↦ (dX, dθ) = Jᵀ U, which can be differentiated once more."""

    generate_vmap_rule = True

    @staticmethod
    def forward(at: At, X: Array, theta: Array, U: Array) -> tuple[Any, Any]:
        """The cotangents (N, n_0) and (P,)."""
        at = _at(at, theta)
        flat, dX = at.backward(at.forward(X)[1], U)
        return dX, flat

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep X, θ and U."""
        ctx.at, *rest = inputs
        ctx.save_for_backward(*rest)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gX: Array, gtheta: Array) -> tuple[Any, ...]:
        """The cotangents of X, θ and U, for those of dX and dθ."""
        X, theta, U = ctx.saved_tensors
        at = _at(ctx.at, theta)
        _, saved = at.forward(X)
        tA, kept = at.tangent(saved, gX, gtheta)
        flat, dX = at.tangent_backward(saved, kept, gtheta, U, torch.zeros_like(U), needed=True)
        return None, dX, flat, tA


def _at(at: At, theta: Array) -> At:
    return at._replace(p=unpack(at.backend.xp, at.layers, theta))


def torch_function(net: NetworkPasses) -> Callable[..., Any]:
    """See `xpnet.Network.torch_function`."""
    net = net if net.backend.name == "torch" else net.to("torch", device="cpu")
    own = net.parameters
    at = At(net.backend, net.layers, (), net.statistics)

    def function(X: Array, theta: Array | None = None) -> Any:
        theta = own if theta is None else theta
        _check(X, theta, at, own)
        A = _Outputs.apply(at, X if X.ndim == 2 else X[None, :], theta)
        return A if X.ndim == 2 else A[0, :]

    return function


def _check(X: Any, theta: Any, at: At, own: Array) -> None:
    """Check shapes, dtypes and devices of what the program gives."""
    width = at.layers[0].fan_in
    if not isinstance(X, torch.Tensor) or X.ndim not in (1, 2) or X.shape[-1] != width:
        raise ValueError(f"X must be a torch tensor (N, {width}) or ({width},)")
    if not isinstance(theta, torch.Tensor) or theta.shape != own.shape:
        raise ValueError(f"theta must be a torch tensor {tuple(own.shape)}")
    for name, x in (("X", X), ("theta", theta)):
        if x.dtype != own.dtype or x.device != own.device:
            raise ValueError(
                f"{name} is {x.dtype} on {x.device}, but the network {own.dtype} on {own.device}: "
                "give x.to(…), or make the function of net.to(dtype=…, device=…)"
            )

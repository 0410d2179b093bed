"""Refuses arrays that their library differentiates or transforms: the derivative would be lost.

xpnet keeps no tape. From a tensor that requires grad, it would compute outputs that torch treats as
constants, so gradients would silently be zero. `refuse_tracked` raises an error wherever such
arrays come in.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

from xpnet.backends.base import library_of

__all__ = ["NoTape", "refuse_tracked", "stored"]

_REMEDY = "xpnet keeps no tape, so its derivative would be lost: give {name}.detach()"


class _Edge(threading.local):
    """This thread's number of nested `NoTape`, and whether torch's tape runs outside them."""

    depth = 0
    tape = True


_edge = _Edge()


class NoTape:
    """A context like torch.no_grad() that remembers whether the caller's tape was running."""

    def __enter__(self) -> None:
        import torch

        if _edge.depth == 0:
            _edge.tape = torch.is_grad_enabled()
        _edge.depth += 1
        self._mode = torch.no_grad()
        self._mode.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._mode.__exit__(kind, error, trace)
        _edge.depth -= 1


def refuse_tracked(x: Any, name: str = "x") -> None:
    """Raise TypeError for a JAX tracer, or a tensor whose derivative torch tracks.

    Within torch.no_grad() and inference_mode(), a tensor that requires grad is accepted as data.
    Meta tensors and sparse tensors are always refused.

    Raises
    ------
    TypeError
        The message says what is wrong, and what to call instead if there is something.
    """
    library = library_of(x)
    if library == "torch":
        _check_tensor(x, name)
    elif library in ("jax", "jaxlib") and "jax" in sys.modules and _is_tracer(x):
        raise TypeError(
            f"{name} is a JAX tracer (of jax.grad, jax.jit or jax.vmap), but xpnet needs arrays "
            "with values: call it outside the transformed function; for the gradient of the "
            "loss call net.gradient(X, Y)"
        )


def _is_tracer(x: Any) -> bool:
    return isinstance(x, sys.modules["jax"].core.Tracer)


def _check_tensor(x: Any, name: str) -> None:
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(x, torch.Tensor):
        return
    if x.is_meta:
        raise TypeError(f"{name} is a meta tensor of torch, which has no numbers")
    if x.layout is not torch.strided:
        raise TypeError(
            f"sparse arrays are not supported: make {name} dense, {name.lower()}.to_dense()"
        )
    remedy = _REMEDY.format(name=name.lower())
    if torch._C._functorch.is_functorch_wrapped_tensor(x):
        raise TypeError(
            f"{name} is wrapped by torch.func (grad, jacrev, jvp, vmap). {remedy} outside of it; "
            "for the gradient of the loss call net.gradient(X, Y)"
        )
    if x.requires_grad and (_edge.tape if _edge.depth else torch.is_grad_enabled()):
        raise TypeError(f"{name} requires grad. {remedy}, or call within torch.no_grad()")
    forward = torch.autograd.forward_ad
    if getattr(forward, "_current_level", -1) >= 0 and forward.unpack_dual(x).tangent is not None:
        raise TypeError(f"{name} is a dual tensor of torch.autograd.forward_ad. {remedy}")


def stored(x: Any) -> Any:
    """Return the tensor that a torch.nn.Parameter stores; anything else unchanged.

    A model's parameters always require grad, but copying their values loses no derivative.
    """
    torch = sys.modules.get("torch")
    if torch is not None and type(x) is torch.nn.Parameter:
        return x.detach()
    return x

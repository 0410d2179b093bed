"""Derivatives by torch.func, eager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.func import grad, jacfwd, jacrev, jvp, vjp, vmap
from torch.nn import functional as F

__all__ = ["calls"]


def outputs(f: Any, theta: Any, x: Any) -> Any:
    """Return Z_L of one example, or of a batch."""
    for W, b in theta[:-1]:
        x = f(F.linear(x, W, b))
    return F.linear(x, *theta[-1])


def calls(case: Any) -> dict[str, Callable[[], Any]]:
    """Return a call for each derivative of the case."""
    f = {"relu": F.relu, "tanh": torch.tanh}[case.activation]
    theta, v = (
        tuple((torch.tensor(W), torch.tensor(b)) for W, b in case.parts(x))
        for x in (case.theta, case.v)
    )
    X, Y = torch.tensor(case.X), torch.tensor(case.Y)

    def loss(theta: Any, X: Any, Y: Any) -> Any:
        return F.cross_entropy(outputs(f, theta, X), Y)

    of_each = vmap(grad(loss), (None, 0, 0))

    def squares(each: Any) -> Any:
        return sum((g * g).flatten(1).sum(dim=1) for pair in each for g in pair)

    def clipped() -> Any:
        each = of_each(theta, X, Y)
        c = torch.clamp(case.clip_norm / squares(each).sqrt(), max=1.0) / len(X)
        return tuple(tuple(torch.tensordot(c, g, dims=1) for g in pair) for pair in each)

    def ggnvp() -> Any:
        Z, tZ = jvp(lambda t: outputs(f, t, X), (theta,), (v,))
        tdZ = jvp(grad(lambda Z: F.cross_entropy(Z, Y)), (Z,), (tZ,))[1]
        return vjp(lambda t: outputs(f, t, X), theta)[1](tdZ)[0]

    def laplacian() -> Any:
        H = vmap(jacfwd(jacfwd(lambda x: outputs(f, theta, x))))(X)
        return H.diagonal(dim1=2, dim2=3).sum(dim=2)

    found: dict[str, Callable[[], Any]] = {
        "gradient": lambda: grad(loss)(theta, X, Y),
        "hvp": lambda: jvp(lambda t: grad(loss)(t, X, Y), (theta,), (v,))[1],
        "ggnvp": ggnvp,
        "per_example_norms": lambda: squares(of_each(theta, X, Y)).sqrt(),
        "clipped_gradient": clipped,
        "per_example_gradients": lambda: of_each(theta, X, Y),
        "jacobian": lambda: vmap(jacrev(lambda x: outputs(f, theta, x)))(X),
        "laplacian": laplacian,
    }
    return {name: found[name] for name in case.derivatives}

"""Targets that are partly missing: NaN in Y adds nothing to the loss or to its gradient.

With terms t_nk, one for each target, and M_n the targets of example n that are not missing,

    loss_n = Σ_{k∈M_n} t_nk / |M_n|        for a loss that averages (Σ t_nk for one that sums)
    dA_nk  = ∂t_nk/∂a_nk / |M_n|           for k ∈ M_n, else 0
    loss_n = 0, dA_n = 0                   if M_n is empty; its weight still counts in Σw

The terms come from the loss itself, which gets each target as an example with one target. The sum
over several softmax heads, where −1 stands for a missing label, is in `xpnet.losses.heads`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from xpnet.equations.built_in import built_in, is_built_in, one_of_each
from xpnet.errors import quoted
from xpnet.losses.heads import masked_heads
from xpnet.losses.loss import Loss, LossFunction, differentiated
from xpnet.typing import Array, Namespace

__all__ = ["Masked"]


def Masked(loss: Loss) -> Loss:
    """Return the same loss over the targets that are not missing (NaN, or −1 for a label).

    Parameters
    ----------
    loss : Loss
        A loss that is a mean or a sum over an example's targets (``over_outputs``) or heads. That
        is every loss of xpnet except `CrossEntropy`, which has one target per example: give
        examples without a label the weight 0.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.losses import LOSSES, Masked
    >>> masked = Masked(LOSSES["mean_squared_error"])
    >>> losses, dA = masked.of_output(np, np.asarray([[1.0, 5.0]]), np.asarray([[3.0, np.nan]]))
    >>> losses.tolist(), dA.tolist()
    ([4.0], [[-4.0, 0.0]])
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"Masked takes a Loss, such as xpnet.losses.Huber(), got {quoted(loss)}")
    if loss.masked:
        raise ValueError(f"loss {loss.name!r} is already masked")
    if loss.heads and is_built_in(loss):
        return masked_heads(loss)
    if loss.over_outputs not in ("mean", "sum"):
        raise ValueError(
            f"loss {loss.name!r} is not a mean or sum over targets (over_outputs), so a single "
            "one cannot be left out: give such examples the weight 0"
        )
    return _masked(loss)


@one_of_each
def _masked(loss: Loss) -> Loss:
    config = {"name": "masked", "loss": dict(loss.config or {})} if is_built_in(loss) else None
    masked = replace(
        loss,
        name=f"masked_{loss.name}",
        of_output=None if loss.of_output is None else _skip_all(loss, None),
        of_preactivation={
            name: _skip_all(loss, name)
            for name in loss.of_preactivation
            if name != "softmax"  # whose outputs depend on each other's Z, so no term stands alone
        },
        second_of_output=None,
        second_of_preactivation={},
        fisher_of_output=None,
        masked=True,
        config=config,
    )
    return masked if config is None else built_in(masked)


def _skip_all(loss: Loss, output: str | None) -> Any:
    """Return the loss's function of that output, and its second derivatives, so masked."""
    function, *seconds = loss.functions(output)
    return differentiated(_skip(loss, function), *(_skip_second(loss, f) for f in seconds))


def _skip(loss: Loss, function: LossFunction) -> LossFunction:
    """Return ``function`` over only the targets that are not missing."""
    p = loss.outputs_per_target

    def masked(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
        k, there = Y.shape[-1], ~xp.isnan(Y)  # (..., N, k)
        terms, dA = function(xp, _one_by_one(xp, A, p, k), xp.where(there, Y, 0.0)[..., None])
        share = _share(xp, loss, there, A.dtype)  # (..., N, 1)
        dA = xp.where(there[..., None], dA, 0.0) * share[..., None]
        losses = xp.sum(xp.where(there, terms, 0.0) * share, axis=-1)
        return losses, xp.reshape(dA.mT, A.shape)

    return masked


def _skip_second(loss: Loss, function: Any) -> Any:
    """Return the second derivative ``function`` over only the targets that are not missing."""
    if function is None:
        return None
    p = loss.outputs_per_target

    def masked(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
        k, there = Y.shape[-1], ~xp.isnan(Y)  # (..., N, k)
        each = xp.where(there, Y, 0.0)[..., None]
        tdA = function(xp, _one_by_one(xp, A, p, k), each, _one_by_one(xp, tA, p, k))
        tdA = xp.where(there[..., None], tdA, 0.0) * _share(xp, loss, there, A.dtype)[..., None]
        return xp.reshape(tdA.mT, tA.shape)

    return masked


def _one_by_one(xp: Namespace, A: Array, p: int, k: int) -> Array:
    """The outputs of each target, (..., N, k, p)."""
    return xp.reshape(A, (*A.shape[:-1], p, k)).mT


def _share(xp: Namespace, loss: Loss, there: Any, dtype: Any) -> Array:
    """1/|M_n|; 1 for a loss that sums, and for an example with no targets."""
    n = xp.sum(xp.astype(there, dtype), axis=-1, keepdims=True)
    return 1.0 / xp.maximum(n, 1.0) if loss.over_outputs == "mean" else xp.ones_like(n)

"""The outputs that count for a metric; a NaN among them makes the metric NaN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.backends.base import library_of
from xpnet.equations.returned import ReturnedError
from xpnet.equations.sums import float64_of
from xpnet.errors import quoted
from xpnet.losses import Loss
from xpnet.losses.heads import head_slices
from xpnet.typing import Array, Namespace

__all__ = ["OfBatch"]


@dataclass(frozen=True)
class OfBatch:
    """A metric's ``statistics`` in float64, called with 0 for outputs that do not count."""

    statistics: Callable[[Any, Any, Any, Any, Loss | None], Any]
    name: str

    def __call__(self, xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> Array:
        """The statistics (..., S), on A's device; all NaN if an output that counts is NaN."""
        if xp is not np and _belongs_on_host(xp, A):
            a, y, v = (None if x is None else to_numpy(x) for x in (A, Y, w))
            return _back(xp, self(np, a, y, v, loss), A)
        wide = A.dtype if float64_of(xp, A) is None else float64_of(xp, A)
        A, w = (None if x is None else xp.astype(x, wide) for x in (A, w))
        Y = xp.astype(Y, wide) if xp.isdtype(Y.dtype, "real floating") else Y
        for counted in _counted(xp, A, Y, w, loss):
            A = xp.where(counted, A, 0.0)
        nan = xp.isnan(A)
        found = self._checked(self.statistics(xp, xp.where(nan, 0.0, A), Y, w, loss), A)
        lost = xp.any(nan, axis=(-2, -1))[..., None]
        return xp.where(lost, xp.full_like(found, float("nan")), found)

    def _checked(self, found: Any, A: Array) -> Any:
        """The statistics (..., S) of one batch, after a check of their shape."""
        shape = tuple(getattr(found, "shape", ()))
        if len(shape) != A.ndim - 1 or shape[:-1] != tuple(A.shape[:-2]):
            told = f"the shape {shape}" if hasattr(found, "shape") else quoted(found, 100)
            raise ReturnedError(
                f"statistics of Metric({self.name!r}) must return an array of numbers for each "
                f"batch, of the shape {(*A.shape[:-2], 'S')}, got {told}"
            )
        return found


def _belongs_on_host(xp: Namespace, A: Array) -> bool:
    """Whether to compute on the host: A's device has no float64, or A is an array of JAX.

    JAX would compile every operation for every shape. Arrays traced by `jax.jit` stay on the
    device, since their values are not known yet.
    """
    library = library_of(A)
    return library == "jaxlib" or (library != "jax" and float64_of(xp, A) is None)


def _back(xp: Namespace, found: Any, A: Array) -> Array:
    """The host's statistics as an array on A's device."""
    dtype = np.float32 if float64_of(xp, A) is None else np.float64
    return xp.asarray(np.asarray(found, dtype=dtype), device=getattr(A, "device", None))


def _counted(xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> list[Array]:
    """Conditions under which an output counts, each (..., N, 1) or (..., N, n_L)."""
    conditions = [] if w is None else [w[..., None] > 0]
    if loss is not None and loss.heads:
        if loss.masked:
            there = [
                xp.broadcast_to(Y[..., h : h + 1] >= 0, A[..., columns].shape)
                for h, columns in enumerate(head_slices(loss.heads))
            ]
            conditions.append(xp.concat(there, axis=-1))
    elif Y.ndim == A.ndim and xp.isdtype(Y.dtype, "real floating"):
        blocks, rest = divmod(A.shape[-1], Y.shape[-1])  # blocks of outputs, one column per target
        if not rest:
            conditions.append(xp.concat([~xp.isnan(Y)] * blocks, axis=-1))
    return conditions

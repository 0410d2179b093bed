"""Checks after an epoch that something is still finite; else the fit ends in a DivergenceError."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpnet.backends import Backend
from xpnet.errors import DivergenceError
from xpnet.typing import Array, Host

__all__ = ["check_last_step", "checked_losses", "checked_statistics"]


def checked_losses(losses: Host, epoch: int, ended: Host | None) -> Host:
    """Return the losses (S,) or (S, R) of an epoch.

    Raise DivergenceError at the first step whose losses are all not finite: one network's, or
    those of the whole stack. Networks that have ``ended`` (R,) count as finite: their steps may be
    left out, and their state is kept.
    """
    counts: Any = np.isfinite(losses)
    if ended is not None:
        counts = counts | ended
    finite = counts.reshape(len(losses), -1).any(axis=1)
    if not np.all(finite):
        first = int(np.argmin(finite))
        raise DivergenceError(epoch, first + 1, float(losses[first].max()))
    return losses


def checked_statistics(
    backend: Backend, stats: tuple[Array, ...], epoch: int, steps: int
) -> tuple[tuple[Any, ...], Any]:
    """Return the layers' statistics, and which networks have lost theirs: some are not finite.

    Statistics that are not finite stay so, hence one check an epoch suffices. A network of a stack
    that has lost some gets NaN for all, so that its outputs are NaN. If every network has lost
    some, raise DivergenceError.
    """
    if not stats:
        return stats, False
    xp = backend.xp
    host = backend.to_numpy(xp.concat(stats, axis=-1))  # (..., 1, n)
    lost = ~np.isfinite(host).all(axis=(-2, -1))
    if np.all(lost):
        what = "a running mean or variance of batch normalisation"
        raise DivergenceError(epoch, steps, float(host[~np.isfinite(host)][0]), what)
    if not np.any(lost):
        return stats, lost
    mark = backend.from_numpy(np.where(lost, np.nan, 0.0).astype(host.dtype))
    return tuple(stat + mark[:, None, None] for stat in stats), lost


def check_last_step(backend: Backend, theta: Array, epoch: int, steps: int) -> None:
    """Raise DivergenceError if the last step left no network's θ finite.

    A step's loss is that before the step, so only θ shows the effect of the last one.
    """
    xp = backend.xp
    largest = backend.to_numpy(xp.max(xp.abs(theta), axis=-1))
    if not np.any(np.isfinite(largest)):
        raise DivergenceError(epoch, steps, math.nan)

"""The length of a fit whose ``epochs`` are not given, its stop, and the warning at its end.

    epochs = min(max(5000 / steps an epoch, 10), 500)                    rounded up
    m_k    = mean loss of the k-th tenth of the epochs                   k = 1 … 10
    "the loss falls fast in tenth k":   m_{k−1} − m_k ≥ ½ (m_1 − m_k)/(k − 1), beyond rounding

These are functions of shapes and losses, never of a clock: the same on every backend and engine.
`benchmarks.default_epochs` measured them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.errors import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xpnet.training.history import History
    from xpnet.training.settings import Settings

__all__ = ["default_epochs", "has_converged", "settled", "stands_still", "warn_if_falling"]

FEWEST, MOST = 10, 500
"""Epochs: large data get 10; small data, of a step or two an epoch, 500."""

STEPS = 5000
ITERATIONS = 100
"""Of a solver that takes all examples at once, such as L-BFGS: it has tolerances of its own."""

EXTENDED = 10
"""Times as many epochs where the user's early stopping decides."""

_NOTHING = 0.01
"""The fraction of the loss that a tenth of the epochs must gain to count as a gain."""

_ROUNDING = 1e-5
"""The fraction of the first tenth's loss that a fall must exceed to be more than rounding."""

_SHORT = 50
"""Epochs below which a tenth is too few of them to judge by: such a fit does not stop."""


def default_epochs(steps_per_epoch: int) -> int:
    """Epochs of a fit by batches: 5,000 steps, within 10 and 500 epochs."""
    return max(FEWEST, min(MOST, -(-STEPS // steps_per_epoch)))


def settled(settings: Settings, steps_per_epoch: int) -> Settings:
    """The settings with a definite number of epochs, which schedules, progress and compiling ask.

    A user's early stopping looks ten times as far, but not with a schedule: that is as long as the
    fit, and would hardly move before early stopping ends it.
    """
    if not settings.is_open:
        return settings
    full_batch = getattr(settings.optimizer, "full_batch", False)
    epochs = ITERATIONS if full_batch else default_epochs(steps_per_epoch)
    extended = settings.early_stopping is not None and not _has_schedule(settings)
    return settings._replace(epochs=epochs * EXTENDED if extended else epochs)


def has_converged(settings: Settings, losses: Sequence[Any]) -> bool:
    """Whether an open fit should stop here.

    A schedule needs all its steps, and a user's early stopping decides itself.
    """
    if not settings.is_open or settings.early_stopping or _has_schedule(settings):
        return False
    return stands_still(losses, settings.epochs)


def stands_still(losses: Sequence[Any], n: int) -> bool:
    """Whether the two last tenths of n epochs are done, and lowered the loss by nothing.

    Nothing is neither 1 % nor half of what a tenth has gained on average. Losses are those so far.
    """
    k = round(10 * len(losses) / n)
    if n < _SHORT or k < 3 or len(losses) != _end(n, k):
        return False
    return not (_gains(losses, n, k) or _gains(losses, n, k - 1))


def warn_if_falling(settings: Settings, history: History) -> None:
    """Warn after an open fit that did all its epochs and whose loss still falls fast.

    A given number of epochs is never warned about, nor a schedule, under which losses fall last.
    Of a stack every loss must, but those that are not finite: slow learners beside others are what
    a sweep of learning rates is for.
    """
    n = len(history)
    if not settings.is_open or history.stopped or n < FEWEST or _has_schedule(settings):
        return
    finite = np.isfinite(history.loss[-1])
    if np.all(_falls_fast(history.loss, n, 10) | ~finite):
        warn(
            f"the loss still falls fast after {n} epochs, the default for these data: train on "
            f"with another fit, or give fit a larger number, epochs={4 * n}"
        )


def _has_schedule(settings: Settings) -> bool:
    return callable(getattr(settings.optimizer, "learning_rate", None))


def _end(n: int, k: int) -> int:
    """Epochs done at the end of the k-th tenth of n."""
    return n * k // 10


def _mean(losses: Sequence[Any], n: int, k: int) -> Any:
    """m_k, or (R,) of a stack."""
    return np.mean(losses[_end(n, k - 1) : _end(n, k)], axis=0)


def _gains(losses: Sequence[Any], n: int, k: int) -> bool:
    """Whether tenth k ≥ 2 lowered the loss, of a stack that of any network."""
    before, now = _mean(losses, n, k - 1), _mean(losses, n, k)
    enough = before - now >= _NOTHING * np.abs(before)
    return bool(np.any(((before > now) & enough) | _falls_fast(losses, n, k)))


def _falls_fast(losses: Sequence[Any], n: int, k: int) -> Any:
    """Whether the loss fell in tenth k by half as much as in a tenth on average, or more."""
    first, before, now = (_mean(losses, n, j) for j in (1, k - 1, k))
    fell = first - now > _ROUNDING * np.abs(first)
    return fell & (before - now >= 0.5 * (first - now) / (k - 1))

"""The length of a fit without given ``epochs``, when it stops, and the warning at its end.

    epochs = min(max(5000 / steps an epoch, 10), 500)                    rounded up
    m_k    = mean loss of the k-th tenth of the epochs                   k = 1 … 10
    "the loss falls fast in tenth k":   m_{k−1} − m_k ≥ ½ (m_1 − m_k)/(k − 1), beyond rounding

These depend on shapes and losses, never on a clock: they are the same on every backend and engine.
The constants were measured by `benchmarks.default_epochs`.
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
"""Bounds on the epochs: large data get 10, small data, of a step or two an epoch, get 500."""

STEPS = 5000
ITERATIONS = 100
"""Epochs for a solver with all examples at once, such as L-BFGS, which has its own tolerances."""

EXTENDED = 10
"""Factor on the epochs if the user's early stopping decides."""

_NOTHING = 0.01
"""The fraction of the loss that a tenth of the epochs must gain to count as a gain."""

_ROUNDING = 1e-5
"""The fraction of the first tenth's loss that a fall must exceed to be more than rounding."""

_SHORT = 50
"""A fit of fewer epochs does not stop: a tenth of them is too few to judge by."""


def default_epochs(steps_per_epoch: int) -> int:
    """The epochs of a fit by batches: 5,000 steps, but between 10 and 500 epochs."""
    return max(FEWEST, min(MOST, -(-STEPS // steps_per_epoch)))


def settled(settings: Settings, steps_per_epoch: int) -> Settings:
    """The settings with a definite number of epochs, as schedules, progress and compiling need.

    With a user's early stopping there are ten times as many, unless there is a schedule. A schedule
    is as long as the fit, and would hardly move before early stopping ends it.
    """
    if not settings.is_open:
        return settings
    full_batch = getattr(settings.optimizer, "full_batch", False)
    epochs = ITERATIONS if full_batch else default_epochs(steps_per_epoch)
    extended = settings.early_stopping is not None and not _has_schedule(settings)
    return settings._replace(epochs=epochs * EXTENDED if extended else epochs)


def has_converged(settings: Settings, losses: Sequence[Any]) -> Any:
    """Whether a fit without given epochs should stop here.

    It does not stop with a schedule, which needs all its steps, nor with a user's early stopping or
    a solver of all examples, which decide themselves. A stack stops as a whole; if its networks
    have rows of their own, each stops by itself: (R,).
    """
    decides = settings.early_stopping or getattr(settings.optimizer, "full_batch", False)
    if not settings.is_open or decides or _has_schedule(settings):
        return False
    still = stands_still(losses, settings.epochs)
    return still if settings.own is not None else bool(np.all(still))


def stands_still(losses: Sequence[Any], n: int) -> Any:
    """Whether a tenth of the n epochs ends here, and it and the one before gained nothing.

    A tenth gains nothing if it lowers the loss by less than 1 % and by less than half of the
    average gain of a tenth. ``losses`` are those of the epochs so far; of a stack, the result
    is (R,) at the end of a tenth.
    """
    k = round(10 * len(losses) / n)
    if n < _SHORT or k < 3 or len(losses) != _end(n, k):
        return False
    return ~(_gains(losses, n, k) | _gains(losses, n, k - 1))


def warn_if_falling(settings: Settings, history: History) -> None:
    """Warn if the loss still falls fast after all epochs of a fit without given epochs.

    There is no warning if the user gave the epochs, or a schedule, under which losses fall late.
    For a stack, every finite loss must still fall: a sweep of learning rates has slow learners.
    """
    n = len(history)
    if not settings.is_open or history.stopped or n < FEWEST or _has_schedule(settings):
        return
    finite = np.isfinite(history.loss[-1])
    if np.all(_falls_fast(history.loss, n, 10) | ~finite):
        warn(
            f"the loss still falls fast after {n} epochs, the default for these data: train "
            f"further with a second fit, or give fit a larger number, epochs={4 * n}"
        )


def _has_schedule(settings: Settings) -> bool:
    return callable(getattr(settings.optimizer, "learning_rate", None))


def _end(n: int, k: int) -> int:
    """The number of epochs done at the end of the k-th tenth of n."""
    return n * k // 10


def _mean(losses: Sequence[Any], n: int, k: int) -> Any:
    """The mean loss m_k of tenth k; (R,) for a stack."""
    return np.mean(losses[_end(n, k - 1) : _end(n, k)], axis=0)


def _gains(losses: Sequence[Any], n: int, k: int) -> Any:
    """Whether tenth k ≥ 2 lowered the loss; for a stack (R,)."""
    before, now = _mean(losses, n, k - 1), _mean(losses, n, k)
    enough = before - now >= _NOTHING * np.abs(before)
    return ((before > now) & enough) | _falls_fast(losses, n, k)


def _falls_fast(losses: Sequence[Any], n: int, k: int) -> Any:
    """Whether the loss fell in tenth k by at least half as much as in an average tenth."""
    first, before, now = (_mean(losses, n, j) for j in (1, k - 1, k))
    fell = first - now > _ROUNDING * np.abs(first)
    return fell & (before - now >= 0.5 * (first - now) / (k - 1))

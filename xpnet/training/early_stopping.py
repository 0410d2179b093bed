"""Early stopping: end a fit that no longer improves, and restore its best parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xpnet.errors import look_up
from xpnet.pickles import Pickled
from xpnet.ranges import check_flag, check_not_negative, positive_integer
from xpnet.training.history import History

if TYPE_CHECKING:
    from xpnet.metrics import Metric
    from xpnet.network.state import NetworkState

__all__ = ["EarlyStopping", "Watch"]

LARGER_IS_BETTER = ("accuracy", "f1", "r2", "auc")


class EarlyStopping(Pickled):
    """End the fit if a value has not improved for ``patience`` epochs.

    Parameters
    ----------
    monitor : str, optional
        A value of the history: "loss", "validation_loss", or a metric's name such as
        "validation_accuracy". None: the validation loss if there is validation data, else the loss.
        `Metric.larger_is_better` says which direction is an improvement. For a value that a
        callback writes, its name decides: larger is better if it ends in accuracy, f1, r2 or auc,
        else smaller. NaN is no improvement.
    patience : int
        Epochs without an improvement after which the fit ends.
    min_delta : float
        An improvement must be larger than this.
    restore_best : bool
        Whether the end of the fit restores the parameters and statistics of the best epoch, even if
        the fit ends for a different reason.
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        check_not_negative("min_delta", min_delta)
        check_flag("restore_best", restore_best)
        self.monitor = monitor
        self.patience = positive_integer("patience", patience)
        self.min_delta = float(min_delta)
        self.restore_best = restore_best

    def __repr__(self) -> str:
        return (
            f"EarlyStopping({self.monitor!r}, patience={self.patience}, "
            f"min_delta={self.min_delta}, restore_best={self.restore_best})"
        )


class Watch:
    """The state of early stopping during one fit."""

    def __init__(self, settings: EarlyStopping, metrics: Sequence[Metric] = ()) -> None:
        self.settings = settings
        self._larger = {f"validation_{metric.name}": metric.larger_is_better for metric in metrics}
        self._best = math.inf
        self._since = 0
        self._kept: tuple[int, Any, tuple[Any, ...]] | None = None

    def observe(self, net: NetworkState, history: History) -> bool:
        """Take an epoch's value; return whether the fit should end."""
        values = history.values()
        default = "validation_loss" if "validation_loss" in values else "loss"
        name = self.settings.monitor or default
        value = look_up("value to monitor", name, values)[-1]
        signed = -value if self._larger.get(name, name.endswith(LARGER_IS_BETTER)) else value
        if signed < self._best - self.settings.min_delta:
            self._best, self._since = signed, 0
            if self.settings.restore_best:
                self._kept = history.epoch[-1], *net.copies()
        else:
            self._since += 1
        return self._since >= self.settings.patience

    def restore(self, net: NetworkState, history: History) -> None:
        """Restore the network's best parameters and statistics."""
        if self._kept is not None:
            history.best_epoch, theta, statistics = self._kept
            net.take(theta, statistics)

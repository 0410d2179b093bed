"""Early stopping: end a fit that no longer improves, and restore its best parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.errors import look_up
from xpnet.pickles import Pickled
from xpnet.ranges import check_flag, check_not_negative, positive_integer
from xpnet.training.ends import State, chosen
from xpnet.training.history import History
from xpnet.training.run_state import Best
from xpnet.typing import Host

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

    Notes
    -----
    In a `Stack`, each network ends by its own values. The fit goes on until all have ended.
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
    """The state of early stopping during one fit.

    In a stack, each network has its own best value and epoch: arrays (R,) in place of numbers. NaN,
    the value of a network that has ended, is no improvement.
    """

    def __init__(self, settings: EarlyStopping, metrics: Sequence[Metric] = ()) -> None:
        self.settings = settings
        self._larger = {f"validation_{metric.name}": metric.larger_is_better for metric in metrics}
        self._best: Any = math.inf
        self._since: Any = 0
        self._epoch: Any = 0  # of the best value; 0 if there is none
        self._kept: State | None = None

    def observe(self, net: NetworkState, history: History) -> Any:
        """Take an epoch's value; return whether the fit should end, for a stack (R,)."""
        value = self._value(history)
        improved = value < self._best - self.settings.min_delta
        self._best = np.where(improved, value, self._best)
        self._since = np.where(improved, 0, self._since + 1)
        self._epoch = np.where(improved, history.epoch[-1], self._epoch)
        if self.settings.restore_best and np.any(improved):
            old, new = self._kept, net.copies()
            if old is None or np.all(improved):
                self._kept = new
            else:
                self._kept = chosen(net.backend, improved, new, old)
        return self._since >= self.settings.patience

    def memory(self) -> Best:
        """What is remembered, for a checkpoint: numbers, or arrays (R,) of a stack."""
        if np.ndim(self._best):
            return Best(self._best, self._since, self._epoch, *(self._kept or ()))
        if self._kept is None:
            return Best(float(self._best), int(self._since))
        return Best(float(self._best), int(self._since), int(self._epoch), *self._kept)

    def recall(self, best: Best) -> None:
        """Take what a checkpoint remembers."""
        self._best, self._since = best.value, best.since
        self._epoch = 0 if best.epoch is None else best.epoch
        self._kept = None if best.theta is None else (best.theta, best.statistics)

    def _value(self, history: History) -> Host:
        """The epoch's value, or a stack's values, of which smaller ones are better."""
        values = history.values()
        default = "validation_loss" if "validation_loss" in values else "loss"
        name = self.settings.monitor or default
        value = np.asarray(look_up("value to monitor", name, values)[-1])
        return -value if self._larger.get(name, name.endswith(LARGER_IS_BETTER)) else value

    def final(self, net: NetworkState) -> State:
        """The state in which a network ends: that of its best epoch if it is restored."""
        return self._kept or (net.parameters, net.statistics)

    def restore(self, net: NetworkState, history: History) -> None:
        """Restore the best parameters and statistics."""
        if self._kept is not None:
            history.best_epoch = np.asarray(self._epoch).tolist()
            net.take(*self._kept)

"""What a fit did, epoch by epoch and step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xpnet.plots.loss_curve import LossCurveDisplay

__all__ = ["History", "typical"]


@dataclass(repr=False)
class History:
    """The record that `fit` returns; of a `Stack`, a list of R numbers stands for every number.

    Attributes
    ----------
    epoch : list of int
        The network's own count of epochs, from 1, over all its fits.
    loss : list of float
        Σ w_n loss_n / Σ w_n over the epoch, each example's loss taken before its step; penalties
        are not in it (but for L-BFGS, which minimises the sum).
    validation_loss : list of float
        After each epoch; empty without validation data.
    metrics : dict of str to list of float
        By name, such as "validation_accuracy": what was asked for, after each epoch.
    step_loss : list of float
        The mean loss of every step's batch, before the step.
    seconds : list of float
        Wall time of each epoch, validation included.
    stopped : str or None
        Why the fit ended before its last epoch: "interrupted" (Ctrl-C; the last entries may then
        stand for part of an epoch), "early" (early stopping), "callback"; "converged", where
        without ``epochs`` the loss stands still, or L-BFGS is done; of L-BFGS also
        "no lower loss found", where rounding or a kink ends its search.
    best_epoch : int or None
        The epoch whose parameters early stopping brought back.
    gradient_norm : float or None
        Of L-BFGS: the largest entry of the gradient where it ended, which its
        ``tolerance_gradient`` is held against.
    engine : str
        What ran the steps: "plain", "jit" (a backend that compiles the step), "fused" (compiled
        loops, or CUDA kernels), or "streamed" (batches from host memory). They agree to rounding,
        not to the bit.
    threads : int or None
        On how many threads NumPy's products ran, and the whole steps of a team, by a rule of the
        shapes (`xpnet.engines.threads`); None where that is not known. Another number gives other
        last bits.
    """

    epoch: list[int] = field(default_factory=list)
    loss: list[Any] = field(default_factory=list)
    validation_loss: list[Any] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    step_loss: list[Any] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped: str | None = None
    best_epoch: int | None = None
    gradient_norm: float | None = None
    engine: str = "plain"
    threads: int | None = None

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        values = self.last() if self.epoch else {}
        last = "".join(f", {name}={typical(value):.4g}" for name, value in values.items())
        stopped = f", stopped={self.stopped!r}" if self.stopped else ""
        return f"History({len(self)} epochs{last}{stopped}, engine={self.engine!r})"

    @property
    def validation_accuracy(self) -> list[Any]:
        """After each epoch, for class labels; empty without metrics.

        AttributeError where others were asked for: it says which there are.
        """
        if self.metrics and "validation_accuracy" not in self.metrics:
            raise AttributeError(
                f"history.metrics has {', '.join(self.metrics)} and no validation_accuracy: ask "
                'for it too, fit(metrics=["accuracy", …])'
            )
        return self.metrics.get("validation_accuracy", [])

    def values(self) -> dict[str, list[Any]]:
        """Every value that has one entry an epoch, by name: what early stopping can watch."""
        named = {"loss": self.loss, "validation_loss": self.validation_loss, **self.metrics}
        return {name: values for name, values in named.items() if values}

    def plot(self, ax: Any = None) -> LossCurveDisplay:
        """Draw the loss, and the validation loss beside it, on ``ax`` or on new axes (matplotlib).

        Raises
        ------
        ImportError
            matplotlib is not installed: ``pip install "xpnet[plot]"``.
        ValueError
            No epoch is done yet.
        """
        from xpnet.plots.loss_curve import LossCurveDisplay

        return LossCurveDisplay.from_history(self).plot(ax)

    def last(self) -> dict[str, Any]:
        """The last epoch's values, by name, with its number and the steps done."""
        return dict(self._last())

    def _last(self) -> Iterator[tuple[str, Any]]:
        yield "epoch", self.epoch[-1]
        yield "step", len(self.step_loss)
        for name, values in self.values().items():
            yield name, values[-1]
        if len(self.seconds) == len(self.epoch):
            yield "seconds", self.seconds[-1]


def typical(value: Any) -> float:
    """The number itself; of a stack's numbers the median of those that are finite."""
    if not isinstance(value, list):
        return float(value)
    finite = [each for each in value if math.isfinite(each)]
    return float(np.median(finite)) if finite else math.nan

"""The history of a fit, epoch by epoch and step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.engines.names import PLAIN, Engine
from xpnet.pickles import Pickled
from xpnet.training.step_losses import StepLosses

if TYPE_CHECKING:
    from xpnet.plots.loss_curve import LossCurveDisplay

__all__ = ["History", "typical"]


@dataclass(repr=False)
class History(Pickled):
    """The record that `fit` returns; for a `Stack`, each number is a list of R numbers.

    Attributes
    ----------
    epoch : list of int
        The network's count of epochs, from 1, over all its fits.
    loss : list of float
        Σ w_n loss_n / Σ w_n over the epoch, each example's loss taken before its step. Penalties
        are not included, except for L-BFGS, which minimises the sum, and penalties ``of_sum``.
    validation_loss : list of float
        After each epoch; empty without validation data.
    metrics : dict of str to list of float
        The requested metrics after each epoch, by name, such as "validation_accuracy".
    step_loss : sequence of float
        The mean loss of every step's batch, before the step. It is used like a list, takes 8 bytes
        a number, and ``tolist`` returns a list, for JSON.
    seconds : list of float
        Wall time of each epoch, validation included.
    stopped : str or None
        Why the fit ended before its last epoch. "interrupted": Ctrl-C; the last entries may then
        cover part of an epoch. "early": early stopping. "callback": one returned True. "converged":
        the loss stands still in a fit without ``epochs``, or L-BFGS reached a tolerance.
        "diverged": the same of networks in a stack whose loss is no longer finite.
        "no lower loss found": rounding or a kink ended the search of L-BFGS.
    best_epoch : int or None
        The epoch whose parameters early stopping restored; for a stack, a list, with 0 for a
        network whose value never was a number.
    ended : dict of int to (int, int, str)
        For a stack, the networks that ended before the others: epochs and steps done, and why, as
        in ``stopped``. Their later entries are NaN. See `of`.
    gradient_norm : float or None
        For L-BFGS, the largest absolute entry of the gradient at its end; the optimizer compares it
        with its ``tolerance_gradient``.
    engine : str
        The engine that ran the steps: "plain", "fused" (compiled loops), "kernels" (CUDA kernels),
        "graph" (the same, as graphs of many steps), "jit" (a backend that compiles the step), or
        "streamed" (batches from host memory). Engines agree to rounding, not to the bit, except the
        two on CuPy, which have the same bits.
    threads : int or None
        The number of threads of NumPy's products, or of the team that ran whole compiled steps. A
        rule of the shapes chooses it (`xpnet.engines.threads`); None if it is not known. A
        different number of threads changes the last bits.
    """

    epoch: list[int] = field(default_factory=list)
    loss: list[Any] = field(default_factory=list)
    validation_loss: list[Any] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    step_loss: MutableSequence[Any] = field(default_factory=StepLosses)
    seconds: list[float] = field(default_factory=list)
    stopped: str | None = None
    best_epoch: Any = None
    ended: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    gradient_norm: float | None = None
    engine: Engine = PLAIN
    threads: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.step_loss, StepLosses):
            self.step_loss = StepLosses(self.step_loss)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # a pickle holds a list

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        values = self.last() if self.epoch else {}
        last = "".join(f", {name}={typical(value):.4g}" for name, value in values.items())
        stopped = f", stopped={self.stopped!r}" if self.stopped else ""
        return f"History({len(self)} epochs{last}{stopped}, engine={self.engine!r})"

    @property
    def validation_accuracy(self) -> list[Any]:
        """The validation accuracy after each epoch, for class labels; empty without metrics.

        If only other metrics were requested, an AttributeError lists them.
        """
        if self.metrics and "validation_accuracy" not in self.metrics:
            raise AttributeError(
                f"history.metrics has {', '.join(self.metrics)} but not validation_accuracy: "
                'add it, fit(metrics=["accuracy", …])'
            )
        return self.metrics.get("validation_accuracy", [])

    def values(self) -> dict[str, list[Any]]:
        """The values with one entry an epoch, by name; early stopping can watch any of them."""
        named = {"loss": self.loss, "validation_loss": self.validation_loss, **self.metrics}
        return {name: values for name, values in named.items() if values}

    def plot(self, ax: Any = None) -> LossCurveDisplay:
        """Draw the loss, and the validation loss beside it, on ``ax`` or on new axes (matplotlib).

        Raises
        ------
        ImportError
            matplotlib is not installed: ``pip install "xpnet[plot]"``.
        ValueError
            No epoch has been completed.
        """
        from xpnet.plots.loss_curve import LossCurveDisplay

        return LossCurveDisplay.from_history(self).plot(ax)

    def of(self, r: int) -> History:
        """The history of network r of a stack, as of a fit of its own: numbers, up to its end.

        Raises ValueError if the history is that of one network, IndexError if there is no r.
        """
        if not self.loss or not isinstance(self.loss[0], list):
            raise ValueError("only the history of a stack has histories of its networks")
        r = range(len(self.loss[0]))[r]
        epochs, steps, stopped = self.ended.get(r, (len(self), len(self.step_loss), self.stopped))
        best = self.best_epoch

        def own(values: Sequence[Any], n: int = epochs) -> list[Any]:
            return [value[r] if isinstance(value, list) else value for value in values[:n]]

        return replace(
            self,
            epoch=self.epoch[:epochs],
            loss=own(self.loss),
            validation_loss=own(self.validation_loss),
            metrics={name: own(values) for name, values in self.metrics.items()},
            step_loss=StepLosses(np.asarray(self.step_loss)[:steps, r]),
            seconds=self.seconds[:epochs],
            stopped=stopped,
            best_epoch=best[r] if isinstance(best, list) else best,
            ended={},
        )

    def last(self) -> dict[str, Any]:
        """The last epoch's values by name, with its number and the number of steps done."""
        return dict(self._last())

    def _last(self) -> Iterator[tuple[str, Any]]:
        yield "epoch", self.epoch[-1]
        yield "step", len(self.step_loss)
        for name, values in self.values().items():
            yield name, values[-1]
        if len(self.seconds) == len(self.epoch):
            yield "seconds", self.seconds[-1]


def typical(value: Any) -> float:
    """The number itself; for a stack's list, the median of the finite numbers, else NaN."""
    if not isinstance(value, list):
        return float(value)
    finite = [each for each in value if math.isfinite(each)]
    return float(np.median(finite)) if finite else math.nan

"""Plot loss, validation loss and metrics by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.errors import look_up
from xpnet.plots.axes import COLOURS, axes, describe, legend

if TYPE_CHECKING:
    from xpnet.training.history import History

__all__ = ["LossCurveDisplay"]

_FEW = 15  # most epochs for which each has a marker
_RANGE = 10.0  # ratio largest / smallest above which the axis is logarithmic


@dataclass
class LossCurveDisplay:
    """One line for each value, over the epochs.

    For a stack's history, each value has one line for each network, all in one colour.

    Parameters
    ----------
    epoch : sequence of int
    curves : mapping of str to sequence of float
        Values by name, such as "loss" and "validation_loss"; for a stack of R networks, each epoch
        has a list of R values.
    best_epoch : int, optional
        The epoch whose parameters early stopping restored.

    Attributes
    ----------
    ax_, figure_, lines_, legend_
        After `plot`; ``lines_`` are in the order of ``curves``, for a stack only those of the first
        network.

    Examples
    --------
    >>> import xpnet
    >>> display = LossCurveDisplay.from_history(xpnet.History(epoch=[1, 2], loss=[0.9, 0.5]))
    >>> display.curves
    {'loss': [0.9, 0.5]}
    """

    epoch: Sequence[int]
    curves: Mapping[str, Sequence[Any]]
    best_epoch: int | None = None
    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)
    lines_: list[Any] = field(default_factory=list, init=False, repr=False)
    legend_: Any = field(default=None, init=False, repr=False)

    @classmethod
    def from_history(cls, history: History, names: Sequence[str] | None = None) -> LossCurveDisplay:
        """Make the display of loss and validation loss, or of the ``names`` in `History.values`.

        Raises
        ------
        ValueError
            If no epoch is done yet, or if there is no such value.
        """
        values = history.values()
        if not values:
            raise ValueError("the history has no epochs yet: use the one that fit returns")
        names = (names,) if isinstance(names, str) else names
        names = names or [name for name in ("loss", "validation_loss") if name in values]
        curves = {name: look_up("value", name, values) for name in names}
        best = history.best_epoch  # a stack has one for each network
        return cls(history.epoch, curves, None if isinstance(best, list) else best)

    def plot(self, ax: Any = None) -> LossCurveDisplay:
        """Draw on ``ax``, or on new axes.

        The axis is logarithmic if all values are positive and the largest is over 10 times the
        smallest.
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        marker = "o" if len(self.epoch) <= _FEW else None
        self.lines_ = [
            ax.plot(self.epoch, values, color=colour, marker=marker, markersize=4)[0]
            for values, colour in zip(self.curves.values(), cycle(COLOURS), strict=False)
        ]
        artists, names = list(self.lines_), [name.replace("_", " ") for name in self.curves]
        if self.best_epoch is not None:
            artists.append(ax.axvline(self.best_epoch, color=COLOURS[-1], linestyle=":"))
            names.append(f"best epoch, {self.best_epoch}")
        if self._is_wide():
            ax.set_yscale("log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25)
        is_loss = all(name.endswith("loss") for name in self.curves)
        what = "loss" if is_loss else " and ".join(names[: len(self.curves)])
        describe(ax, f"{what[:1].upper()}{what[1:]} by epoch", "epoch", what)
        self.legend_ = legend(ax, artists, names, "upper right")
        return self

    def _is_wide(self) -> bool:
        every = np.concatenate([np.ravel(values) for values in self.curves.values()])
        found = every[np.isfinite(every)]
        return found.size > 0 and found.min() > 0 and bool(found.max() > _RANGE * found.min())

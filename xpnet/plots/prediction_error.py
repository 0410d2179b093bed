"""Plot predicted over actual quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.metrics import METRICS
from xpnet.plots.axes import COLOURS, MARKERS, axes, describe, legend, plain
from xpnet.plots.outputs import quantities
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = ["PredictionErrorDisplay"]

_MANY = 2000  # examples above which an SVG holds a bitmap instead of single points


@dataclass
class PredictionErrorDisplay:
    """One point for each example, and the diagonal on which predictions are exact.

    Parameters
    ----------
    actual, predicted : (N, K) float64
        NaN in ``actual`` marks a missing target.
    target_names : sequence of str

    Attributes
    ----------
    ax_, figure_, points_, diagonal_, legend_
        After `plot`; ``points_`` are in the order of the targets.

    Examples
    --------
    >>> display = PredictionErrorDisplay.from_predictions([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    >>> display.r2
    0.5
    """

    actual: Host
    predicted: Host
    target_names: Sequence[str]
    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)
    points_: list[Any] = field(default_factory=list, init=False, repr=False)
    diagonal_: Any = field(default=None, init=False, repr=False)
    legend_: Any = field(default=None, init=False, repr=False)

    @classmethod
    def from_network(
        cls,
        net: NetworkPasses,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        target_names: Sequence[Any] | None = None,
    ) -> PredictionErrorDisplay:
        """Make the display of a network for numbers.

        If the loss has several outputs for a target, the one that predicts it is used.

        Raises
        ------
        ValueError
            If the loss is for classes.
        """
        return cls.from_predictions(*quantities(net, X, Y), target_names=target_names)

    @classmethod
    def from_predictions(
        cls, Y: ArrayLike, predicted: ArrayLike, *, target_names: Sequence[Any] | None = None
    ) -> PredictionErrorDisplay:
        """Make the display from targets and predictions, both (N,) or (N, K)."""
        y, a = (to_numpy(x).astype(np.float64) for x in (Y, predicted))
        y, a = (x[:, None] if x.ndim == 1 else x for x in (y, a))
        if y.shape != a.shape or y.ndim != 2 or y.size == 0:
            raise ValueError(f"Y and predicted must both be (N, K), got {y.shape} and {a.shape}")
        names = ["target"] if y.shape[1] == 1 else [f"target {k}" for k in range(y.shape[1])]
        names = names if target_names is None else [str(name) for name in target_names]
        if len(names) != y.shape[1]:
            raise ValueError(f"target_names must have {y.shape[1]} names, got {len(names)}")
        return cls(y, a, names)

    @property
    def r2(self) -> float:
        """R², averaged over the targets: 1 is exact, 0 is as good as predicting their mean."""
        return float(METRICS["r2"](np, self.predicted, self.actual))

    def plot(self, ax: Any = None) -> PredictionErrorDisplay:
        """Draw on ``ax``, or on new axes."""
        self.ax_ = ax = axes(ax, (5.4, 4.8))
        self.figure_ = ax.figure
        K = self.actual.shape[1]
        self.points_ = [
            ax.scatter(
                self.actual[:, k],
                self.predicted[:, k],
                s=18,
                alpha=0.6,
                linewidths=0,
                color=COLOURS[k % len(COLOURS)],
                marker=MARKERS[k % len(MARKERS)],
                rasterized=len(self.actual) > _MANY,
            )
            for k in range(K)
        ]
        both = np.concatenate([self.actual, self.predicted])
        ends = [float(np.nanmin(both)), float(np.nanmax(both))]
        (self.diagonal_,) = ax.plot(ends, ends, color=COLOURS[-1], linestyle=":")
        ax.set_aspect("equal", adjustable="datalim")
        ax.grid(alpha=0.25)
        unit = f" {plain(self.target_names[0])}" if K == 1 else ""
        title = f"Predicted against actual, R² {self.r2:.4f}"
        describe(ax, title, f"actual{unit}", f"predicted{unit}")
        names = ["exact", *(self.target_names if K > 1 else ["an example"])]
        self.legend_ = legend(ax, [self.diagonal_, *self.points_], names, "upper left")
        return self

"""Plot whether events predicted with a probability of 0.8 happen 8 times out of 10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.errors import quoted
from xpnet.plots.axes import COLOURS, axes, describe, legend, plain
from xpnet.plots.outputs import Classified, classified
from xpnet.ranges import positive_integer
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = ["CalibrationDisplay"]


@dataclass
class CalibrationDisplay:
    """How often a prediction comes true, over its probability, in bins of equal width.

    Parameters
    ----------
    probability, frequency : (B,) float
        Means over the examples of each bin; empty bins are left out.
    counts : (B,) int
        Examples in each bin.
    of : str
        The predicted event: "the likeliest class", or a class.

    Attributes
    ----------
    ax_, figure_, line_, points_, diagonal_, legend_
        After `plot`.

    Examples
    --------
    >>> p, happened = [0.1, 0.1, 0.9, 0.9], [False, True, True, True]
    >>> CalibrationDisplay.from_predictions(happened, p, bins=2).frequency
    array([0.5, 1. ])
    """

    probability: Host
    frequency: Host
    counts: Host
    of: str = "the event"
    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)
    line_: Any = field(default=None, init=False, repr=False)
    points_: Any = field(default=None, init=False, repr=False)
    diagonal_: Any = field(default=None, init=False, repr=False)
    legend_: Any = field(default=None, init=False, repr=False)

    @classmethod
    def from_network(
        cls,
        net: NetworkPasses,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        of: Any = None,
        bins: int = 10,
        class_names: Sequence[Any] | None = None,
    ) -> CalibrationDisplay:
        """Make the display for one class, or for the likeliest class of each example.

        Parameters
        ----------
        of : str or int, optional
            A class by its name; without names, its number. None: the second of two classes, else
            the likeliest class of each example.

        Raises
        ------
        ValueError
            If the targets are numbers, several labels or several heads, or if there is no such
            class.
        """
        return cls.from_classified(classified(net, X, Y, class_names), of=of, bins=bins)

    @classmethod
    def from_classified(
        cls, found: Classified, *, of: Any = None, bins: int = 10
    ) -> CalibrationDisplay:
        """Make the display from labels and probabilities that `classified` found."""
        P, labels, predicted, names = found
        if of is None and len(names) > 2:
            right, p = predicted == labels, P.max(axis=1)
            return cls.from_predictions(right, p, of="the likeliest class", bins=bins)
        k = len(names) - 1 if of is None else _number_of(of, names)
        return cls.from_predictions(labels == k, P[:, k], of=f"class {names[k]}", bins=bins)

    @classmethod
    def from_predictions(
        cls,
        happened: ArrayLike,
        probability: ArrayLike,
        *,
        of: str = "the event",
        bins: int = 10,
    ) -> CalibrationDisplay:
        """Make the display from events (N,), true or false, and their probabilities (N,)."""
        positive_integer("bins", bins)
        y, p = to_numpy(happened), to_numpy(probability).astype(np.float64)
        if y.shape != p.shape or p.ndim != 1 or len(p) == 0:
            raise ValueError(f"happened and probability must be (N,), got {y.shape} and {p.shape}")
        if not np.isin(y, (0, 1)).all() or not ((p >= 0) & (p <= 1)).all():
            raise ValueError("happened must be true or false, and probability within [0, 1]")
        at = np.minimum((p * bins).astype(int), bins - 1)
        counts = np.bincount(at, minlength=bins)
        means = [np.bincount(at, v, minlength=bins) / np.maximum(counts, 1) for v in (p, y)]
        full = counts > 0
        return cls(means[0][full], means[1][full], counts[full], of)

    @property
    def error(self) -> float:
        """The expected calibration error, ``Σ_b n_b |frequency − probability| / N``."""
        gaps = np.abs(self.frequency - self.probability)
        return float(np.average(gaps, weights=self.counts))

    def plot(self, ax: Any = None) -> CalibrationDisplay:
        """Draw on ``ax``, or on new axes; a point's area grows with its bin's examples."""
        self.ax_ = ax = axes(ax, (5.4, 4.8))
        self.figure_ = ax.figure
        (self.diagonal_,) = ax.plot([0, 1], [0, 1], color=COLOURS[-1], linestyle=":")
        (self.line_,) = ax.plot(self.probability, self.frequency, color=COLOURS[0])
        area = 15 + 150 * self.counts / self.counts.max()
        self.points_ = ax.scatter(self.probability, self.frequency, s=area, color=COLOURS[0])
        ax.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")
        ax.grid(alpha=0.25)
        title = f"Calibration, mean error {self.error:.4f}"
        describe(ax, title, f"probability of {plain(self.of)}", "observed share")
        artists = (self.diagonal_, self.points_)
        names = ("perfectly calibrated", "area: examples")
        self.legend_ = legend(ax, artists, names, "upper left")
        return self


def _number_of(of: Any, names: tuple[str, ...]) -> int:
    if str(of) not in names:
        raise ValueError(f"of must be one of the classes {', '.join(names)}, got {quoted(of)}")
    return names.index(str(of))

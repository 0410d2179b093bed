"""Plot what a network with two inputs predicts over the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.checks import without_nan
from xpnet.plots.axes import MARKERS, axes, class_colours, colour_bar, describe, legend, plain
from xpnet.plots.outputs import answers, classified, is_for_classes, loss_of, quantities
from xpnet.ranges import positive_integer
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = ["DecisionBoundaryDisplay"]

_MARGIN = 0.1  # share of the examples' range that is added on each side


@dataclass
class DecisionBoundaryDisplay:
    """The predicted class on a grid, or the first output if the loss is for numbers; the examples.

    Parameters
    ----------
    x, y : (R,) float64
        The grid's columns and rows.
    response : (R, R) int64 or float64
        A class 0 … K − 1, or the quantity; row i is at y[i].
    X : (N, 2)
    Y : (N,)
        Classes, or quantities.
    class_names : tuple of str
        Empty for quantities.
    input_names : (str, str)

    Attributes
    ----------
    ax_, figure_, surface_, boundary_, points_, legend_
        After `plot`; ``points_`` is a list with one entry for each class, or one for a quantity.
    """

    x: Host
    y: Host
    response: Host
    X: Host
    Y: Host
    class_names: tuple[str, ...] = ()
    input_names: Sequence[str] = ("x_0", "x_1")
    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)
    surface_: Any = field(default=None, init=False, repr=False)
    boundary_: Any = field(default=None, init=False, repr=False)
    points_: list[Any] = field(default_factory=list, init=False, repr=False)
    legend_: Any = field(default=None, init=False, repr=False)

    @classmethod
    def from_network(
        cls,
        net: NetworkPasses,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        resolution: int = 200,
        class_names: Sequence[Any] | None = None,
        input_names: Sequence[str] | None = None,
    ) -> DecisionBoundaryDisplay:
        """Make the display of a network with two inputs, over the range of X plus a tenth per side.

        If ``input_names`` is None, the names are those of the fit's data frame, or x_0 and x_1.

        Raises
        ------
        ValueError
            If there are not two inputs, or if there are several labels or heads.
        """
        positive_integer("resolution", resolution)
        if input_names is None:
            input_names = net.feature_names or ("x_0", "x_1")
        if net.sizes[0] != 2 or len(input_names) != 2:
            raise ValueError(
                "a decision boundary is drawn over two inputs, but the network has "
                f"{net.sizes[0]} ({len(input_names)} names)"
            )
        X, loss = net.in_order(X), loss_of(net, Y)
        names: tuple[str, ...] = ()
        if is_for_classes(loss):
            found = classified(net, X, Y, class_names)
            names, targets = found.names, found.labels
        else:
            targets = quantities(net, X, Y)[0][:, 0]
        X = to_numpy(X).astype(np.float64)
        x, y = (_grid(column, resolution) for column in X.T)
        A = answers(net, loss, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
        response = without_nan(A).argmax(axis=1) if names else A[:, 0]
        return cls(x, y, response.reshape(len(y), len(x)), X, targets, names, tuple(input_names))

    def plot(self, ax: Any = None) -> DecisionBoundaryDisplay:
        """Draw on ``ax``, or on new axes."""
        self.ax_ = ax = axes(ax, (6.0, 4.8))
        self.figure_ = ax.figure
        (self._classes if self.class_names else self._quantity)(ax)
        x, y = map(plain, self.input_names)
        describe(ax, "Decision boundary" if self.class_names else "Output over the inputs", x, y)
        return self

    def _classes(self, ax: Any) -> None:
        """Draw a colour for each class, the boundaries, and the examples, a marker per class."""
        from matplotlib.colors import ListedColormap

        K = len(self.class_names)
        colours = class_colours(K)
        ends = {"vmin": -0.5, "vmax": K - 0.5}
        self.surface_ = ax.pcolormesh(
            self.x, self.y, self.response, cmap=ListedColormap(colours), alpha=0.3, **ends,
            shading="nearest", rasterized=True, linewidth=0,
        )  # fmt: skip
        self.boundary_ = [
            ax.contour(self.x, self.y, self.response == k, [0.5], colors="#444444", linewidths=0.8)
            for k in np.unique(self.response)[1:]
        ]
        self.points_ = [
            ax.scatter(*self.X[k == self.Y].T, s=22, color=colours[k], edgecolors="white",
                       linewidths=0.5, marker=MARKERS[k % len(MARKERS)])
            for k in range(K)
        ]  # fmt: skip
        self.legend_ = legend(
            ax,
            self.points_,
            self.class_names,
            "upper left",
            title="true class",
            bbox_to_anchor=(1, 1),
        )

    def _quantity(self, ax: Any) -> None:
        low = min(float(self.response.min()), float(np.nanmin(self.Y)))
        high = max(float(self.response.max()), float(np.nanmax(self.Y)))
        ends = {"cmap": "cividis", "vmin": low, "vmax": high}
        self.surface_ = ax.pcolormesh(
            self.x, self.y, self.response, shading="nearest", rasterized=True, **ends
        )
        self.points_ = [ax.scatter(*self.X.T, c=self.Y, s=22, edgecolors="white", linewidths=0.5,
                                   **ends)]  # fmt: skip
        colour_bar(ax, self.surface_, "output; target of a point")


def _grid(column: Host, resolution: int) -> Host:
    low, high = float(column.min()), float(column.max())
    margin = _MARGIN * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, resolution)

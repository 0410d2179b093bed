"""Plot the weights of the first dense layer, one image for each unit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.plots.axes import axes, colour_bar, diverging
from xpnet.ranges import positive_integer
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["FirstLayerDisplay"]


@dataclass
class FirstLayerDisplay:
    """Rows of W_1 as images, side by side, in a common scale that is centred on 0.

    Parameters
    ----------
    weights : (n, n_0)
        One row for each unit shown.
    shape : (int, int)
        Height and width of an image; their product is n_0.
    units : (n,) int
        The number of each unit.
    n_units : int
        Number of units in the layer.

    Attributes
    ----------
    ax_, figure_, image_
        After `plot`; ``image_`` is the mosaic, with NaN between the images.
    """

    weights: Host
    shape: tuple[int, int]
    units: Host
    n_units: int
    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)
    image_: Any = field(default=None, init=False, repr=False)

    @classmethod
    def from_network(
        cls, net: NetworkState, shape: tuple[int, int] | None = None, *, most: int = 36
    ) -> FirstLayerDisplay:
        """Make the display of the units whose rows of W_1 have the largest norm, largest first.

        Parameters
        ----------
        shape : (height, width), optional
            Shape of an image. None: a square.
        most : int
            Largest number of units to show.

        Raises
        ------
        ValueError
            If the inputs do not fill an image of that shape.
        """
        positive_integer("most", most)
        W = to_numpy(net.weights[0]).astype(np.float64)
        units = np.argsort(-np.linalg.norm(W, axis=1), kind="stable")[:most]
        return cls(W[units], _image_shape(W.shape[1], shape), units, len(W))

    def plot(self, ax: Any = None) -> FirstLayerDisplay:
        """Draw on ``ax``, or on new axes; blue is negative, orange positive."""
        self.ax_ = ax = axes(ax, (5.6, 4.8))
        self.figure_ = ax.figure
        scale = float(np.abs(self.weights).max()) or 1.0
        mosaic = _mosaic(self.weights, self.shape)
        self.image_ = ax.imshow(
            mosaic, cmap=diverging(), vmin=-scale, vmax=scale, interpolation="none"
        )
        colour_bar(ax, self.image_, "weight")
        ax.set_axis_off()
        n = len(self.weights)
        of = f"{n} of {self.n_units}" if n < self.n_units else f"{n}"
        ax.set_title(f"First layer: {of} units, largest weights first")
        return self


def _image_shape(n: int, shape: Any) -> tuple[int, int]:
    """Return the shape as given, or a square's, and check that it has n pixels."""
    if shape is None:
        side = math.isqrt(n)
        if side * side != n:
            raise ValueError(
                f"{n} inputs do not make a square image: give shape=(height, width) with {n} pixels"
            )
        return side, side
    height, width = map(int, shape)
    if height < 1 or width < 1 or height * width != n:
        raise ValueError(
            f"shape={tuple(shape)} does not have {n} pixels, one for each input of the layer"
        )
    return height, width


def _mosaic(weights: Host, shape: tuple[int, int]) -> Host:
    """Arrange the images in a mosaic about as high as wide, with a line of NaN around each."""
    height, width = shape
    columns = math.ceil(math.sqrt(len(weights) * height / width))
    rows = math.ceil(len(weights) / columns)
    mosaic = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1), np.nan)
    for i, image in enumerate(weights.reshape(-1, height, width)):
        top, left = (i // columns) * (height + 1) + 1, (i % columns) * (width + 1) + 1
        mosaic[top : top + height, left : left + width] = image
    return mosaic

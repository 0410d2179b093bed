"""Plot which classes are mistaken for which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.plots.axes import axes, colour_bar, describe, plain, rising
from xpnet.plots.outputs import Classified, class_names, classified, labels_of
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = ["ConfusionDisplay"]

_FEW = 16  # most classes for which the counts are printed

_MOST = 40  # most names at an axis
_SHORT = 6  # most characters of a name that is printed level


@dataclass
class ConfusionDisplay:
    """The confusion matrix: row i, column j counts examples of class i predicted as class j.

    Parameters
    ----------
    counts : (K, K) int
    class_names : sequence of str

    Attributes
    ----------
    ax_, figure_, image_, texts_
        After `plot`; ``texts_`` (K, K) are the printed counts, or None for many classes.

    Examples
    --------
    >>> ConfusionDisplay.from_predictions(["cat", "dog", "dog"], ["cat", "cat", "dog"]).counts
    array([[1, 0],
           [1, 1]])
    """

    counts: Host
    class_names: Sequence[str]
    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)
    image_: Any = field(default=None, init=False, repr=False)
    texts_: Any = field(default=None, init=False, repr=False)

    @classmethod
    def from_network(
        cls,
        net: NetworkPasses,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        class_names: Sequence[Any] | None = None,
    ) -> ConfusionDisplay:
        """Make the display from the likeliest classes that a network predicts.

        Raises
        ------
        ValueError
            If the targets are numbers, several labels or several heads.
        """
        return cls.from_classified(classified(net, X, Y, class_names))

    @classmethod
    def from_classified(cls, found: Classified) -> ConfusionDisplay:
        """Make the display from labels and predictions that `classified` found."""
        return cls(_count(found.labels, found.predicted, len(found.names)), found.names)

    @classmethod
    def from_predictions(
        cls, Y: ArrayLike, predicted: ArrayLike, *, class_names: Sequence[Any] | None = None
    ) -> ConfusionDisplay:
        """Make the display from labels and predicted labels, both (N,), integers or text.

        The classes are those that occur, sorted.
        """
        return cls(*_of_labels(labels_of("Y", Y), labels_of("predicted", predicted), class_names))

    @property
    def accuracy(self) -> float:
        """The share of examples on the diagonal."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def recall(self) -> Host:
        """(K,): the share of each class's examples predicted as that class; NaN if it has none."""
        return _shares(self.counts.diagonal(), self.counts.sum(axis=1))

    @property
    def precision(self) -> Host:
        """(K,): the share of each class's predictions that are right; NaN without predictions."""
        return _shares(self.counts.diagonal(), self.counts.sum(axis=0))

    def plot(self, ax: Any = None) -> ConfusionDisplay:
        """Draw on ``ax``, or on new axes; a cell's darkness shows its share of its row."""
        K = len(self.counts)
        side = 3.2 + 0.4 * min(K, _FEW)
        self.ax_ = ax = axes(ax, (side + 0.8, side))
        self.figure_ = ax.figure
        shares = np.nan_to_num(_shares(self.counts, self.counts.sum(axis=1, keepdims=True)))
        self.image_ = ax.imshow(shares, cmap=rising(), vmin=0, vmax=1, interpolation="none")
        colour_bar(ax, self.image_, "share of the true class")
        self._name_classes(ax)
        self.texts_ = self._print_counts(ax, shares) if K <= _FEW else None
        describe(ax, f"Confusion, accuracy {self.accuracy:.4f}", "predicted class", "true class")
        return self

    def _name_classes(self, ax: Any) -> None:
        """Print the classes' names at both axes; if there are very many, every second or n-th."""
        K = len(self.counts)
        at = range(0, K, math.ceil(K / _MOST))
        names = [plain(self.class_names[k]) for k in at]
        size = 10 * min(1.0, max(0.5, _FEW / len(at)))
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        options = turned if max(map(len, names)) > _SHORT or K > _FEW else {}
        ax.set_xticks(at, names, parse_math=False, fontsize=size, **options)
        ax.set_yticks(at, names, parse_math=False, fontsize=size)

    def _print_counts(self, ax: Any, shares: Host) -> Host:
        """Print the count in each cell, white in dark cells; zeros are faint."""
        texts = np.empty(self.counts.shape, dtype=object)
        for (i, j), count in np.ndenumerate(self.counts):
            look = {"color": "white"} if shares[i, j] > 0.5 else {"alpha": 1.0 if count else 0.45}
            texts[i, j] = ax.text(j, i, f"{count}", ha="center", va="center", size=9, **look)
        return texts


def _of_labels(
    true: Host, predicted: Host, given: Sequence[Any] | None
) -> tuple[Host, tuple[str, ...]]:
    if len(true) != len(predicted):
        raise ValueError(f"Y has {len(true)} labels, but predicted has {len(predicted)}")
    if (true.dtype.kind == "U") != (predicted.dtype.kind == "U"):
        raise ValueError("Y and predicted must both be text, or both be integers")
    found, codes = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    names = class_names(given, tuple(map(str, found.tolist())), len(found))
    return _count(codes[: len(true)], codes[len(true) :], len(found)), names


def _count(true: Host, predicted: Host, K: int) -> Host:
    return np.bincount(true * K + predicted, minlength=K * K).reshape(K, K)


def _shares(part: Host, whole: Host) -> Host:
    with np.errstate(invalid="ignore"):
        return np.asarray(part / whole)

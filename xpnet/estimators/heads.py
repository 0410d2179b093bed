"""Several columns of classes as targets: y (N, T), and one softmax head for each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xpnet.estimators.targets import check_known
from xpnet.losses import Loss
from xpnet.losses.heads import head_slices
from xpnet.typing import Host

__all__ = ["HeadLabels"]


class HeadLabels:
    """The classes of each column, and how labels become targets; see `Labels`.

    Attributes
    ----------
    classes : list of (K_t,) arrays
        Sorted.
    heads : tuple of int
        The outputs for each column. They are two for a column of one class.
    """

    n_labels = 0
    binarizer = None

    def __init__(self, classes: Sequence[Any]) -> None:
        self.classes = [np.unique(np.asarray(own)) for own in classes]
        self.heads = tuple(max(len(own), 2) for own in self.classes)

    @classmethod
    def of(cls, y: Any) -> HeadLabels:
        """The labels of a first fit."""
        return cls(list(np.asarray(y).T))

    def n_outputs(self, loss: Loss) -> int:
        """The width of the last layer."""
        return sum(self.heads)

    def check(self, y: Any, same: bool) -> None:
        """Check labels of a later fit, column by column, as `Labels.check` does.

        Raises
        ------
        ValueError
            The classes of a column are others, or y has a different number of columns.
        """
        y = np.asarray(y)
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise ValueError(f"y must have {len(self.classes)} columns, got the shape {y.shape}")
        for t, (own, known) in enumerate(zip(y.T, self.classes, strict=True)):
            check_known(f"`y[:, {t}]`", np.unique(own), known, same)

    def encode(self, y: Any, loss: Loss) -> Host:
        """Return the number of each label (N, T)."""
        pairs = zip(np.asarray(y).T, self.classes, strict=True)
        return np.stack([np.searchsorted(known, own) for own, known in pairs], axis=1)

    def decode(self, A: Host) -> Host:
        """Return the most probable label of each column (N, T)."""
        pairs = zip(self.split(A), self.classes, strict=True)
        return np.stack([known[own.argmax(axis=1)] for own, known in pairs], axis=1)

    def split(self, A: Host) -> list[Host]:
        """The outputs of each column's classes, (…, N, K_t)."""
        pairs = zip(head_slices(self.heads), self.classes, strict=True)
        return [A[..., own][..., : len(known)] for own, known in pairs]

    def each(self, function: Callable[[Host, bool], Host], Z: Host) -> list[Host]:
        """What a function of logits and "is a softmax" returns for each column."""
        return [function(own, True) for own in self.split(Z)]

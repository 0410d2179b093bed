"""Several columns of classes as targets: y (N, T), and one softmax head for each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from xpnet.estimators.targets import check_known
from xpnet.losses import Loss
from xpnet.losses.heads import head_slices
from xpnet.typing import Host

__all__ = ["HeadLabels", "columns_of_classes", "has_columns", "joint_accuracy", "side_by_side"]


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
        return cls(columns_of_classes(y))

    def n_outputs(self, loss: Loss) -> int:
        """The width of the last layer."""
        return sum(self.heads)

    def check(self, y: Any, same: bool, remedy: str) -> None:
        """Check labels of a later fit, column by column, as `Labels.check` does.

        Raises
        ------
        ValueError
            The classes of a column are others, or y has a different number of columns.
        """
        y = np.asarray(y)
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise ValueError(f"y must have {len(self.classes)} columns, got the shape {y.shape}")
        for t, (own, known) in enumerate(zip(columns_of_classes(y), self.classes, strict=True)):
            check_known(f"`y[:, {t}]`", np.unique(own), known, same, remedy)

    def encode(self, y: Any, loss: Loss) -> Host:
        """Return the number of each label (N, T)."""
        pairs = zip(columns_of_classes(y), self.classes, strict=True)
        return np.stack([np.searchsorted(known, own) for own, known in pairs], axis=1)

    def decode(self, A: Host) -> Host:
        """Return the most probable label of each column (N, T)."""
        pairs = zip(self.split(A), self.classes, strict=True)
        return side_by_side([known[own.argmax(axis=1)] for own, known in pairs])

    def split(self, A: Host) -> list[Host]:
        """The outputs of each column's classes, (…, N, K_t)."""
        pairs = zip(head_slices(self.heads), self.classes, strict=True)
        return [A[..., own][..., : len(known)] for own, known in pairs]

    def each(self, function: Callable[[Host, bool], Host], Z: Host) -> list[Host]:
        """What a function of logits and "is a softmax" returns for each column."""
        return [function(own, True) for own in self.split(Z)]


def has_columns(y: Any) -> bool:
    """Whether y (N, T) is several columns of classes, which may be text in one, numbers in another.

    Raises
    ------
    ValueError
        A column has labels of different kinds, or quantities.
    """
    if y.dtype.kind != "O" or y.ndim != 2 or _are_text(y.ravel()):
        return bool(type_of_target(y) == "multiclass-multioutput")
    for own in columns_of_classes(y):
        check_classification_targets(own)
    return bool(y.shape[1] > 1)


def columns_of_classes(y: Any) -> list[Host]:
    """The columns of y (N, T), each of a dtype of its own.

    Raises
    ------
    ValueError
        A column has text beside other labels, or labels that are neither text nor numbers.
    """
    y = np.asarray(y)
    return [_of_one_kind(t, own) for t, own in enumerate(y.T)] if y.dtype.kind == "O" else list(y.T)


def _of_one_kind(t: int, own: Host) -> Host:
    if _are_text(own):
        return own
    found = None if any(isinstance(label, str) for label in own) else np.asarray(own.tolist())
    if found is None or found.dtype.kind not in "biuf":
        kinds = ", ".join(sorted({type(label).__name__ for label in own.tolist()}))
        raise ValueError(
            f"`y[:, {t}]` has labels of the types {kinds}: make all labels of a column text, or "
            "all numbers"
        )
    return found


def _are_text(labels: Host) -> bool:
    return all(isinstance(label, str) for label in labels)


def side_by_side(columns: Sequence[Host]) -> Host:
    """The columns of labels as one array (N, T); of objects if only some of them are text."""
    are_text = {own.dtype.kind in "OUST" for own in columns}
    return np.stack([own.astype(object) if len(are_text) > 1 else own for own in columns], axis=1)


def joint_accuracy(y: Any, found: Host, sample_weight: Any = None) -> float:
    """The share of examples whose labels (N, T) are all right.

    Raises
    ------
    ValueError
        y has a different shape.
    """
    y = np.asarray(y)
    if y.shape != found.shape:
        raise ValueError(f"y must be {found.shape}, a column for each target, got shape {y.shape}")
    return float(np.average(np.all(y == found, axis=1), weights=sample_weight))

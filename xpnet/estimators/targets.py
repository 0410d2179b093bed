"""Class labels of any kind as the targets of a loss, and outputs as labels again."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target, unique_labels

from xpnet.losses import Loss
from xpnet.typing import Host

__all__ = ["Labels", "check_known"]


class Labels:
    """The classes of a fit, and how labels become targets.

    Attributes
    ----------
    classes : (K,) array
        Sorted.
    binarizer : LabelBinarizer
        scikit-learn's, which recognises the kind of labels, and decides.
    """

    def __init__(self, binarizer: LabelBinarizer) -> None:
        self.binarizer, self.classes = binarizer, binarizer.classes_

    @classmethod
    def of(cls, y: Any) -> Labels:
        """The labels of a first fit."""
        return cls(LabelBinarizer().fit(y))

    @classmethod
    def of_first_part(cls, y: Any, classes: Any) -> Labels:
        """The labels of a first `partial_fit`, whose y may lack some of the classes."""
        several = type_of_target(y).startswith("multilabel")
        return cls.of(y if several else classes)

    @property
    def one_of_many(self) -> bool:
        """Whether an example has one label out of three or more classes."""
        return bool(self.binarizer.y_type_ == "multiclass")

    @property
    def n_labels(self) -> int:
        """The number of yes-or-no labels: 1 for two classes, 0 for one label out of many."""
        if self.one_of_many:
            return 0
        return len(self.classes) if self.binarizer.y_type_.startswith("multilabel") else 1

    def n_outputs(self, loss: Loss) -> int:
        """The width of the last layer."""
        if loss.targets == "labels":
            return max(len(self.classes), 2)
        return self.n_labels or len(self.classes)

    def check(self, y: Any, same: bool, remedy: str) -> None:
        """Check labels of a later fit: all the classes if ``same``, else none that is new.

        ``remedy`` is what the error says to do about new ones.

        Raises
        ------
        ValueError
            The classes of y are others.
        """
        check_known("`y`", unique_labels(y), self.classes, same, remedy)

    def encode(self, y: Any, loss: Loss) -> Host:
        """Return the targets: numbers of classes (N,), or 0 and 1 (N, labels)."""
        if loss.targets == "labels" and not self.binarizer.y_type_.startswith("multilabel"):
            return np.searchsorted(self.classes, np.asarray(y))
        Y: Host = self.binarizer.transform(y).astype(bool)
        return Y

    def decode(self, A: Host) -> Any:
        """Return the labels that outputs A (N, n_L) decide for."""
        if self.n_labels == 1 and A.shape[1] == 2:
            A = A[:, 1:]  # a softmax of two classes
        return self.binarizer.inverse_transform(A[:, 0] if A.shape[1] == 1 else A)


def check_known(name: str, found: Host, known: Host, same: bool, remedy: str) -> None:
    """Raise ValueError unless the classes found are all those known, or some if not ``same``."""
    if same and set(found) != set(known):
        raise ValueError(
            f"warm_start can only be used where {name} has the same classes as in the previous "
            f"call to fit. Previously got {known}, {name} has {found}"
        )
    new = np.setdiff1d(found, known, assume_unique=True)
    if len(new):
        raise ValueError(
            f"{name} has classes that the first fit did not: {new}. The estimator knows {known}: "
            f"{remedy}"
        )

"""What a classifier does with its labels: one column of classes, several, or yes-or-no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call

from xpnet.estimators.base import BaseMLP
from xpnet.estimators.build import loss_of_classes
from xpnet.estimators.heads import HeadLabels, has_columns, joint_accuracy
from xpnet.estimators.monitor import check_monitor
from xpnet.estimators.targets import Labels
from xpnet.losses import Loss
from xpnet.typing import Host

__all__ = ["ClassTargets"]

_OF_PARTIAL_FIT = "name all in the first call, partial_fit(…, classes=…)"
_OF_OTHERS = "leave rows of other classes out, or fit with all classes"
"""What to do about classes that are not known, in training and elsewhere."""


class ClassTargets(BaseMLP):
    """The part of `MLPClassifier` that knows its labels."""

    _numeric = False
    _labels: Labels | HeadLabels

    def _set_labels(self, labels: Labels | HeadLabels) -> None:
        self._labels, self.classes_ = labels, labels.classes

    def _take_labels(self, y: Any, incremental: bool) -> None:
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._set_labels(HeadLabels.of(y) if has_columns(y) else Labels.of(y))
        else:
            self._labels.check(y, self.warm_start, _OF_PARTIAL_FIT)
        check_monitor(self, isinstance(self._labels, HeadLabels))

    def _take_first_labels(self, y: Any, classes: Any) -> None:
        """Take the classes of a first `partial_fit`; check those of a later one."""
        if not _is_list_of_classes(classes):
            if _check_partial_fit_first_call(self, classes):
                self._set_labels(Labels.of_first_part(y, classes))
            return
        labels = HeadLabels(classes)
        if not hasattr(self, "classes_"):
            self._set_labels(labels)
        known = self.classes_
        if len(known) != len(labels.classes) or not all(map(np.array_equal, known, labels.classes)):
            raise ValueError(
                f"`classes={classes}` is not the same as on last call to partial_fit, was: {known}"
            )

    def _check_labels(self, y: Any) -> None:
        self._labels.check(y, False, _OF_OTHERS)

    def _find_loss(self, y: Any) -> Loss:
        return loss_of_classes(self.loss, self._labels)

    def _n_outputs(self, y: Any, loss: Loss) -> int:
        return self._labels.n_outputs(loss)

    def _encode(self, y: Any, loss: Loss) -> Host:
        return self._labels.encode(y, loss)

    def _decode(self, A: Host) -> Any:
        return self._labels.decode(A)

    def _weights_of(self, y: Any, sample_weight: Host | None) -> Host | None:
        if self.class_weight is None:
            return sample_weight
        w: Host = compute_sample_weight(self.class_weight, y)
        return w if sample_weight is None else w * sample_weight

    def _stratifies(self) -> bool:
        return self._labels.n_labels == 1

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        several = isinstance(self._labels, HeadLabels)
        metric = joint_accuracy if several else accuracy_score
        return self._score_by(metric, X, y, sample_weight)


def _is_list_of_classes(classes: Any) -> bool:
    """Whether there are classes for each of several columns."""
    if not isinstance(classes, Sequence) or isinstance(classes, str) or not classes:
        return False
    return all(np.ndim(own) == 1 for own in classes)

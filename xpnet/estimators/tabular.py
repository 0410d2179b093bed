"""The recipe for tables as scikit-learn's estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from xpnet.estimators.heads import columns_of_classes, has_columns, joint_accuracy, side_by_side
from xpnet.estimators.parameters import keep_parameters
from xpnet.estimators.tabular_base import COMMON, BaseTabular
from xpnet.estimators.tabular_input import Labels, check_labels, dense, target_array
from xpnet.tables import Model, Table
from xpnet.tables.given import texts_given
from xpnet.typing import Host

__all__ = ["TabularClassifier", "TabularRegressor"]


class TabularClassifier(ClassifierMixin, BaseTabular):
    """A network for classes, from a data frame with text, dates and missing cells.

    It does what ``xpnet train`` does, with the same bits for the same ``seed``. The rules by which
    a column becomes numbers are in docs/tables.md.

    Parameters
    ----------
    text, ignore : iterable of str, default=()
        Columns of numbers that are categories, such as codes; columns to leave out. Columns of an
        array are called x0, x1, ….
    embed : dict, default=None
        Columns to embed, and how many numbers represent a category (None: by a rule).
    read_as : dict, default=None
        How some columns are written, such as {"day": "day-first"}.
    missing : iterable of str, default=()
        Texts that mean a missing cell, beside the usual ones.
    quick : bool, default=False
        One fit of fewer epochs on all rows, with nothing held out to choose by.
    networks : int, default=1
        The number of networks whose predictions are averaged.
    hidden : tuple of int, default=None
        Widths of the hidden layers; None: (256, 256).
    epochs : int, default=None
        The most epochs; None: by the number of rows.
    seconds : float, default=None
        A budget of time, in place of ``epochs``.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes in the training; for one target only.
    seed : int, default=0
        Of the weights and of the order of rows.
    backend, device, dtype
        As for `xpnet.Network`.
    progress : bool, default=False
        Whether a bar shows each fit's progress.
    tell : function of str, default=None
        Called with each sentence that the command prints.

    Attributes
    ----------
    classes_ : (K,), or a list of arrays for several targets
        The sorted labels, as in y.
    model_ : Model
        The `xpnet.tables.Model`: networks, scores on the rows held out, importance, news.
    n_features_in_ : int
        The number of columns of X.
    feature_names_in_ : array of str
        If X was a data frame whose names are all texts. Later data frames must have the same
        columns in the same order.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.estimators import TabularClassifier
    >>> X = np.array([["red", 1.0], ["blue", None]] * 20, dtype=object)
    >>> model = TabularClassifier(quick=True).fit(X, ["stop", "go"] * 20)
    >>> model.predict(X[:2]).tolist()
    ['stop', 'go']
    """

    _task = "classification"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **COMMON,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        *,
        text: Any = (),
        embed: Any = None,
        ignore: Any = (),
        read_as: Any = None,
        missing: Any = (),
        quick: bool = False,
        networks: int = 1,
        hidden: Any = None,
        epochs: int | None = None,
        seconds: float | None = None,
        class_weight: Any = None,
        seed: int = 0,
        backend: Any = "numpy",
        device: Any = None,
        dtype: str = "float32",
        progress: bool = False,
        tell: Any = None,
    ) -> None:
        keep_parameters(locals())

    def predict(self, X: Any) -> Host:
        """Return the most likely label of each row, (N,), or (N, T) of T targets."""
        P = self.predict_proba(X)
        if not isinstance(P, list):
            return np.asarray(self.classes_[P.argmax(axis=1)])
        pairs = zip(self.classes_, P, strict=True)
        return side_by_side([classes[own.argmax(axis=1)] for classes, own in pairs])

    def predict_proba(self, X: Any) -> Host | list[Host]:
        """Return the probability of each class (N, K), in the order of ``classes_``.

        Of several targets, a list with an array for each.
        """
        table = self._table(X)
        P: Any = self.model_.predict_proba(table)
        classes: Any = self.model_.classes
        if len(self._labels) == 1:
            return self._labels[0].in_order(P, classes)
        return [own.in_order(*each) for own, *each in zip(self._labels, P, classes, strict=True)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of rows whose label, or labels of all targets, are right.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.
        """
        metric = joint_accuracy if len(self._labels) > 1 else accuracy_score
        return float(metric(dense(y), self.predict(X), sample_weight=sample_weight))

    # --- for the base

    def _checked(self, y: Any) -> Host:
        Y = target_array(dense(y), False, self)
        if Y.ndim == 1 or not has_columns(Y):
            check_classification_targets(Y)
        each = [Y] if Y.ndim == 1 else columns_of_classes(Y)
        self._take_labels([Labels.of(np.unique(own)) for own in each])
        return Y

    def _trained(self, table: Table, names: Sequence[str], weight: str | None) -> Model:
        check_labels(table, names, texts_given("missing", self.missing))
        return super()._trained(table, names, weight)

    def _settings(self) -> dict[str, Any]:
        found = super()._settings()
        if isinstance(self.class_weight, dict) and len(self._labels) == 1:
            found["class_weight"] = self._labels[0].by_name(self.class_weight)
        return found

    def _each_labels(self) -> list[Labels]:
        return self._labels

    def _take_labels(self, each: list[Labels]) -> None:
        self._labels = each
        self.classes_ = each[0].values if len(each) == 1 else [own.values for own in each]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class TabularRegressor(RegressorMixin, BaseTabular):
    """A network for quantities, from a data frame with text, dates and missing cells.

    It does what ``xpnet train`` does, with the same bits for the same ``seed``. The rules by which
    a column becomes numbers are in docs/tables.md. Predictions stay within the range of y.

    Parameters
    ----------
    log_target : bool, default=False
        Whether to predict the logarithm of a positive quantity.
    text, embed, ignore, read_as, missing, quick, networks, hidden, epochs, seconds, seed, \
backend, device, dtype, progress, tell
        As for `TabularClassifier`.

    Attributes
    ----------
    model_ : Model
        The `xpnet.tables.Model`: networks, scores on the rows held out, importance, news.
    n_features_in_ : int
        The number of columns of X.
    feature_names_in_ : array of str
        As for `TabularClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.estimators import TabularRegressor
    >>> X = np.linspace(0.0, 2.0, 100)[:, None]
    >>> model = TabularRegressor(quick=True).fit(X, 3 * X[:, 0])
    >>> model.predict([[1.0]]).round().tolist()
    [3.0]
    """

    _task = "regression"
    _parameter_constraints: ClassVar[dict[str, Any]] = {**COMMON, "log_target": ["boolean"]}

    def __init__(
        self,
        *,
        text: Any = (),
        embed: Any = None,
        ignore: Any = (),
        read_as: Any = None,
        missing: Any = (),
        log_target: bool = False,
        quick: bool = False,
        networks: int = 1,
        hidden: Any = None,
        epochs: int | None = None,
        seconds: float | None = None,
        seed: int = 0,
        backend: Any = "numpy",
        device: Any = None,
        dtype: str = "float32",
        progress: bool = False,
        tell: Any = None,
    ) -> None:
        keep_parameters(locals())

    def predict(self, X: Any) -> Host:
        """Return the predicted quantities, (N,), or (N, T) of T targets, float64."""
        table = self._table(X)
        return self.model_.predict(table)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Host:
        """Return lower and upper ends (N, 2) of intervals; (N, T, 2) of T targets.

        They hold the quantity with the probability ``coverage``, over all rows like the training's.

        Raises
        ------
        ValueError
            ``coverage`` is not within (0, 1), or too few rows were held out, as with ``quick``.
        """
        table = self._table(X)
        return self.model_.intervals(table, coverage)

    def _checked(self, y: Any) -> Host:
        return target_array(y, True, self).astype(np.float64)

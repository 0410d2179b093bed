"""The recipe for tables as scikit-learn's estimators."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from xpnet.errors import quoted
from xpnet.estimators.tabular_file import entry_of, restored
from xpnet.estimators.tabular_input import (
    Labels,
    check_cells,
    check_labels,
    columns_of,
    dense,
    target_names,
    unused,
)
from xpnet.tables import Model, Table, load, train
from xpnet.tables.targets import silent
from xpnet.typing import Host

__all__ = ["TabularClassifier", "TabularRegressor"]

_COUNT = Interval(Integral, 1, None, closed="left")
_COMMON: dict[str, Any] = {
    "text": ["array-like", set, frozenset],
    "embed": [dict, None],
    "ignore": ["array-like", set, frozenset],
    "read_as": [dict, None],
    "missing": ["array-like", set, frozenset],
    "quick": ["boolean"],
    "networks": [_COUNT],
    "hidden": [tuple, list, None],
    "epochs": [_COUNT, None],
    "seconds": [Interval(Real, 0, None, closed="neither"), None],
    "seed": [Interval(Integral, 0, None, closed="left")],
    "backend": "no_validation",
    "device": "no_validation",
    "dtype": [StrOptions({"float32", "float64"})],
    "progress": ["boolean"],
    "tell": [callable, None],
}
"""Each parameter's allowed values, in scikit-learn's form."""


class _Tabular(BaseEstimator):
    """What both share: X, y and weights as a table, names of columns, files."""

    _task: ClassVar[str]

    @abstractmethod
    def _checked(self, y: Any) -> Host:
        """Return y as an array (N,) or (N, T), checked; keep what is found of its labels."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on the rows of X, as `xpnet.tables.train` does.

        Parameters
        ----------
        X : data frame or array (N, n)
            Numbers, text, dates and missing cells.
        y : (N,), or (N, T) of T targets
            The name of a Series is the target's name in the file, else it is "y". T targets have
            the names of a data frame's columns, else y0, y1, ….
        sample_weight : (N,), optional
            Weights ≥ 0. Rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            Bad input; the message names row and column.
        """
        columns = self._columns(X, reset=True)
        Y = self._checked(y)
        check_consistent_length(X, Y)
        if len(Y) < 2:
            raise ValueError(f"n_samples={len(Y)}: a table needs two rows or more to learn from")
        self._column_names = tuple(columns)
        each = [Y] if Y.ndim == 1 else list(Y.T)
        names = target_names(y, len(each), columns)
        columns |= dict(zip(names, each, strict=True))
        weight = None
        if sample_weight is not None:
            weight = unused("sample_weight", columns)
            columns[weight] = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        table = Table(columns, "X")
        check_cells(table, self.ignore)
        self.model_ = self._trained(table, names, weight)
        return self

    def _trained(self, table: Table, names: Sequence[str], weight: str | None) -> Model:
        target = names[0] if len(names) == 1 else names
        return train(table, target, task=self._task, weight=weight, **self._settings())

    def _settings(self) -> dict[str, Any]:
        """The keywords of `train`: the parameters have their names."""
        return {**self.get_params(deep=False), "tell": self.tell or silent}

    def _columns(self, X: Any, reset: bool) -> dict[str, Host]:
        """The columns of X by name, checked to be those of the fit unless ``reset``."""
        names = None if reset else self._column_names
        try:
            return columns_of(X, self, reset, names)
        except ValueError as error:
            hint = self._first_out_of_order(X)
            if reset or not hint:
                raise
            raise ValueError(f"{error}{hint}") from None

    def _first_out_of_order(self, X: Any) -> str:
        """A hint for a data frame with the columns of the fit in a different order, else empty."""
        own = [str(name) for name in getattr(self, "feature_names_in_", ())]
        given = [str(name) for name in getattr(X, "column_names", getattr(X, "columns", ()))]
        if own == given or sorted(own) != sorted(given):
            return ""
        wanted, found = next(pair for pair in zip(own, given, strict=True) if pair[0] != pair[1])
        return (
            f"Column {quoted(found)} is in the place of {quoted(wanted)}: "
            "X[list(estimator.feature_names_in_)] has the right order\n"
        )

    def _table(self, X: Any) -> Table:
        """X as a table with the columns of the fit."""
        check_is_fitted(self)
        return Table(self._columns(X, reset=False), "X")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    # --- files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file, whole or not at all; ``xpnet predict`` takes it.

        The file has no parameters of the estimator. A pickle has them.

        Raises
        ------
        FileExistsError
            The file exists and is not a model.
        """
        check_is_fitted(self)
        named = self._column_names, hasattr(self, "feature_names_in_")
        replace(self.model_, estimator=entry_of(*named, self._each_labels())).save(path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        backend: Any = "numpy",
        device: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Read a fitted estimator from a file of `save`, ``xpnet train`` or `Model.save`.

        The arguments are those of `xpnet.load`; the estimator's other parameters are the defaults.
        Only files of `save` know the columns that the model does not use, and labels that are
        neither whole numbers nor text.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        FileError
            It is damaged, or not a model that was trained on a table.
        ValueError
            The model is for the other task.
        """
        model = load(path, backend, device, dtype)
        if model.schema.task != cls._task:
            raise ValueError(
                f"{quoted(os.fspath(path))} is not for {cls.__name__}: it has {model!r}"
            )
        found = cls(backend=backend, device=device, dtype=model.network.dtype)
        found._column_names, named, labels = restored(model, os.fspath(path))
        found.n_features_in_ = len(found._column_names)
        if named:
            found.feature_names_in_ = np.array(found._column_names, object)
        found._take_labels(labels)
        found.model_ = model
        return found

    def _each_labels(self) -> list[Labels]:
        """The labels of each target; none of quantities."""
        return []

    def _take_labels(self, each: list[Labels]) -> None:
        """Keep the labels of each target."""


class TabularClassifier(ClassifierMixin, _Tabular):
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
        **_COMMON,
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
        self.text = text
        self.embed = embed
        self.ignore = ignore
        self.read_as = read_as
        self.missing = missing
        self.quick = quick
        self.networks = networks
        self.hidden = hidden
        self.epochs = epochs
        self.seconds = seconds
        self.class_weight = class_weight
        self.seed = seed
        self.backend = backend
        self.device = device
        self.dtype = dtype
        self.progress = progress
        self.tell = tell

    def predict(self, X: Any) -> Host:
        """Return the most likely label of each row, (N,), or (N, T) of T targets."""
        P = self.predict_proba(X)
        if not isinstance(P, list):
            return np.asarray(self.classes_[P.argmax(axis=1)])
        pairs = zip(self.classes_, P, strict=True)
        return np.column_stack([classes[own.argmax(axis=1)] for classes, own in pairs])

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

    # --- for the base

    def _checked(self, y: Any) -> Host:
        Y = _array(dense(y), False, self)
        check_classification_targets(Y)
        self._take_labels([Labels.of(np.unique(own)) for own in Y.reshape(len(Y), -1).T])
        return Y

    def _trained(self, table: Table, names: Sequence[str], weight: str | None) -> Model:
        check_labels(table, names, tuple(self.missing))
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


class TabularRegressor(RegressorMixin, _Tabular):
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
    _parameter_constraints: ClassVar[dict[str, Any]] = {**_COMMON, "log_target": ["boolean"]}

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
        self.text = text
        self.embed = embed
        self.ignore = ignore
        self.read_as = read_as
        self.missing = missing
        self.log_target = log_target
        self.quick = quick
        self.networks = networks
        self.hidden = hidden
        self.epochs = epochs
        self.seconds = seconds
        self.seed = seed
        self.backend = backend
        self.device = device
        self.dtype = dtype
        self.progress = progress
        self.tell = tell

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
        return _array(y, True, self).astype(np.float64)


def _array(y: Any, numeric: bool, estimator: Any) -> Host:
    """Return y as an array (N,) or (N, T), without missing values."""
    if y is None:
        name = type(estimator).__name__
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    found: Host = _check_y(y, multi_output=True, y_numeric=numeric, estimator=estimator)
    return column_or_1d(found, warn=True) if found.ndim == 2 and found.shape[1] == 1 else found

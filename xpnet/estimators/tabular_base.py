"""What the estimators for tables share: X, y and weights as a table, names of columns, files."""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from xpnet.errors import quoted
from xpnet.estimators.feature_order import order_named
from xpnet.estimators.heads import columns_of_classes
from xpnet.estimators.rows import checked_weights
from xpnet.estimators.tabular_file import entry_of, restored
from xpnet.estimators.tabular_input import (
    Labels,
    check_cells,
    columns_of,
    target_names,
    unused,
)
from xpnet.tables import Model, Table, load, train
from xpnet.tables.targets import silent
from xpnet.typing import Host

__all__ = ["COMMON", "BaseTabular"]

_COUNT = Interval(Integral, 1, None, closed="left")
COMMON: dict[str, Any] = {
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


class BaseTabular(BaseEstimator):
    """The base of `TabularClassifier` and `TabularRegressor`."""

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
            the names of a data frame's columns, else y0, y1, …. Classes may be text in one
            column and numbers in another.
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
        new = copy.copy(self)  # an error, or Ctrl-C, leaves this estimator as it was
        new._fit(X, y, sample_weight)
        self.__dict__ = new.__dict__
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        columns = self._columns(X, reset=True)
        Y = self._checked(y)
        check_consistent_length(X, Y)
        if len(Y) < 2:
            raise ValueError(f"n_samples={len(Y)}: a table needs two rows or more to learn from")
        self._column_names = tuple(columns)
        each = [Y] if Y.ndim == 1 else columns_of_classes(Y)
        names = target_names(y, len(each), columns)
        columns |= dict(zip(names, each, strict=True))
        one = len(names) == 1
        arguments = {name: "y" if one else f"y, column {quoted(name)}" for name in names}
        weight = None
        if sample_weight is not None:
            weight = unused("sample_weight", columns)
            columns[weight] = checked_weights(sample_weight, X, ensure_non_negative=True)
            arguments[weight] = "sample_weight"
        table = Table(columns, "X", arguments=arguments)
        check_cells(table, self.ignore)
        self.model_ = self._trained(table, names, weight)

    def _trained(self, table: Table, names: Sequence[str], weight: str | None) -> Model:
        target = names[0] if len(names) == 1 else names
        return train(table, target, task=self._task, weight=weight, **self._settings())

    def _settings(self) -> dict[str, Any]:
        """The keywords of `train`: the parameters have their names."""
        return {**self.get_params(deep=False), "tell": self.tell or silent}

    def _columns(self, X: Any, reset: bool) -> dict[str, Host]:
        """The columns of X by name, checked to be those of the fit unless ``reset``."""
        if reset:
            return columns_of(X, self, reset)
        with order_named(self, X):
            return columns_of(X, self, reset, self._column_names)

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

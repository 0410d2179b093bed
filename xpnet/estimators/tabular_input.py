"""X, y and weights of an estimator as one table, and class labels by the names in that table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import (
    _check_y,
    _get_feature_names,
    column_or_1d,
    validate_data,
)

from xpnet.errors import quoted
from xpnet.estimators.feature_order import names_of_frame
from xpnet.tables import Table, from_frame
from xpnet.tables.targets import has_target
from xpnet.typing import Host

__all__ = [
    "Labels",
    "check_cells",
    "check_labels",
    "columns_of",
    "dense",
    "target_array",
    "target_names",
    "unused",
]


def columns_of(
    X: Any, estimator: Any, reset: bool, names: Sequence[str] | None = None
) -> dict[str, Host]:
    """The columns of a data frame, or of an array (N, n), in order, as `Table` takes them.

    ``names`` are their names; None: the data frame's own, or x0, x1, … of an array. The estimator
    keeps the number of features and their names if ``reset``, else it compares them.
    """
    if "lazy" in type(X).__name__.lower():  # its columns would have to be computed: refused
        from_frame(X, "X")
    if hasattr(X, "columns") or hasattr(X, "column_names"):  # a data frame
        validate_data(estimator, _with_names(X), reset=reset, skip_check_array=True)
        found = from_frame(X, "X").columns
        return dict(zip(names or found, found.values(), strict=True))
    # lists as objects: NumPy would turn their numbers into text if one cell is text
    kind = object if isinstance(X, (list, tuple)) else None
    array = validate_data(estimator, X, reset=reset, dtype=kind, ensure_all_finite=False)
    own = [f"x{j}" for j in range(array.shape[1])]
    return dict(zip(names or own, array.T, strict=True))


def _with_names(X: Any) -> Any:
    """The data frame, or what stands in for one whose names this scikit-learn cannot read."""
    return X if _get_feature_names(X) is not None else _Names(X.shape, names_of_frame(X))


@dataclass(frozen=True)
class _Names:
    """The names of a data frame's columns by the interchange protocol, which Polars 2 dropped.

    scikit-learn 1.6 to 1.8 read the names of all but pandas' frames by it.
    """

    shape: tuple[int, int]
    names: list[Any]

    def __dataframe__(self) -> Any:
        return self

    def column_names(self) -> list[Any]:
        return self.names


def check_cells(table: Table, ignore: Collection[str]) -> None:
    """Raise TypeError if a column that is not ignored has cells that a table cannot have."""
    for name, cells in table.columns.items():
        if cells.dtype.kind == "O" and name not in ignore:
            kinds = ", ".join(sorted({type(cell).__name__ for cell in cells.tolist()}))
            raise TypeError(
                f"{table.where(name)} holds {kinds}: every cell of the argument must be a string, "
                "a date or a number; name the column in ignore to leave it out"
            )


def dense(y: Any) -> Any:
    """Return y as it is, or as an array if it is a sparse matrix."""
    return y.toarray() if issparse(y) else y


def target_array(y: Any, numeric: bool, estimator: Any) -> Host:
    """Return y as an array (N,) or (N, T), without missing values."""
    if y is None:
        name = type(estimator).__name__
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    found: Host = _check_y(y, multi_output=True, y_numeric=numeric, estimator=estimator)
    return column_or_1d(found, warn=True) if found.ndim == 2 and found.shape[1] == 1 else found


def target_names(y: Any, n_targets: int, taken: Collection[str]) -> list[str]:
    """The names of the columns of y: its own if they are texts, else y, or y0, y1, …."""
    other = ["y"] if n_targets == 1 else [f"y{t}" for t in range(n_targets)]
    given = getattr(y, "column_names", getattr(y, "columns", [getattr(y, "name", None)]))
    own = [name for name in given if isinstance(name, str) and name]
    if len(set(own)) < n_targets:
        own = other
    return [unused(name, {*taken, *own[:t], *own[t + 1 :]}) for t, name in enumerate(own)]


def unused(name: str, taken: Collection[str]) -> str:
    """The name, with as many underscores after it as no column of that name needs."""
    while name in taken:
        name += "_"
    return name


def check_labels(table: Table, names: Sequence[str], missing: Collection[str]) -> None:
    """Raise ValueError if a label is a text that means a missing cell in a table."""
    for name in names:
        lacks = np.flatnonzero(~has_target(table, name, "classification", missing))
        if len(lacks):
            row = int(lacks[0])
            label = table.labels(name)[row]
            raise ValueError(
                f"y, {table.place(row)}: the label {quoted(label)} means a missing cell in a "
                "table: rename this class"
            )


@dataclass(frozen=True)
class Labels:
    """The labels of one target, and their names in the table.

    Attributes
    ----------
    values : (K,)
        The sorted labels, as y has them.
    names : tuple of str
        How the table writes each label.
    """

    values: Host
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Host) -> Labels:
        """The sorted labels ``values``, with their names."""
        return cls(values, tuple(Table({"y": values}).labels("y")))

    def by_name(self, weights: dict[Any, float]) -> dict[str, float]:
        """The weights of labels by the labels' names.

        Further keys are dropped if every label has a weight: rows of a cross-validation may lack a
        class. Otherwise they stay, since one is probably a label with a typing error.
        """
        names = dict(zip(self.values.tolist(), self.names, strict=True))
        found = {name: weights[label] for label, name in names.items() if label in weights}
        if len(found) == len(names):
            return found
        return found | {str(key): w for key, w in weights.items() if key not in names}

    def in_order(self, P: Host, classes: Sequence[str]) -> Host:
        """The probabilities P of these classes as (N, K), in the order of ``values``.

        A label that is none of the classes has the probability 0: all its rows had the weight 0.
        """
        found = np.zeros((len(P), len(self.values)))
        found[:, [self.names.index(name) for name in classes]] = P
        return found

"""Keep the names of the columns of X in a fit, and put later columns in the same order."""

from __future__ import annotations

from collections import Counter
from typing import Any

from xpnet.backends import to_numpy
from xpnet.errors import printable, quoted, warn
from xpnet.typing import ArrayLike

__all__ = ["in_order", "names_of"]

Names = tuple[str, ...]

_FEW = 5  # most names in a message


def names_of(X: ArrayLike) -> Names | None:
    """The names of a data frame's columns, or of a pandas Series' entries; None if X has none.

    If names repeat, or any is not text, X counts as having none: numbers identify no column.
    """
    found = _columns(X)
    if not found or not all(isinstance(name, str) for name in found):
        return None
    return tuple(map(str, found)) if len(set(found)) == len(found) else None


def _columns(X: ArrayLike) -> list[Any]:
    """The column names of a pandas, Polars or PyArrow frame, or the index of a pandas Series."""
    if not hasattr(X, "__len__"):  # a lazy frame, whose columns Polars would have to compute
        return []
    for name in ("column_names", "columns"):
        columns = getattr(X, name, None)
        if columns is not None and hasattr(columns, "__iter__") and not callable(columns):
            return list(columns)
    is_series = hasattr(X, "iloc") and getattr(X, "ndim", 0) == 1
    return list(X.index) if is_series else []


def in_order(X: ArrayLike, names: Names | None) -> Any:
    """X with its columns in the order of ``names``; X itself if unnamed or already in order.

    Columns numbered 0, 1, …, as of a frame made of an array, count as unnamed. Warns if the columns
    are reordered; the result is then an array on the host.

    Raises
    ------
    ValueError
        A column is missing, new, or there twice, or names are neither text nor 0, 1, ….
    """
    if names is None:
        return X
    found = _columns(X)
    if tuple(found) == names or found == list(range(len(found))):
        return X
    for name in found:
        if not isinstance(name, str):
            raise ValueError(
                f"X has the column {printable(quoted(name), 40)}, whose name is not text, but "
                f"the network was fitted on {_shown(list(names))}: use these names, or give an "
                "array without names"
            )
    _check_same(found, names)
    warn(
        "the columns of X are in a different order than in the fit and are reordered by name: "
        "write X[list(net.feature_names)]"
    )
    from xpnet.checks import as_array

    place = {name: k for k, name in enumerate(found)}
    return to_numpy(as_array("X", X))[..., [place[name] for name in names]]


def _check_same(found: list[str], names: Names) -> None:
    twice = [name for name, n in Counter(found).items() if n > 1]
    missing, new = sorted(set(names) - set(found)), sorted(set(found) - set(names))
    wrong = (("has no column", missing), ("has the new column", new), ("repeats the column", twice))
    told = [f"{what} {_shown(some)}" for what, some in wrong if some]
    if told:
        raise ValueError(
            f"X {' and '.join(told)}: the network was fitted on {_shown(list(names))}; give those "
            "columns, or an array without names"
        )


def _shown(names: list[str]) -> str:
    """The first few names, long ones cut."""
    few = ", ".join(printable(quoted(name), 40) for name in names[:_FEW])
    return few if len(names) <= _FEW else f"{few}, … ({len(names)} in all)"

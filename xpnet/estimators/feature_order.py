"""A hint for a data frame whose columns are those of the fit in a different order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xpnet.errors import quoted

__all__ = ["names_of_frame", "order_named"]


@contextmanager
def order_named(estimator: Any, X: Any) -> Iterator[None]:
    """Add to a ValueError which column is the first out of order, and how to reorder X."""
    try:
        yield
    except ValueError as error:
        hint = _first_out_of_order(estimator, X)
        if not hint:
            raise
        raise ValueError(f"{error}{hint}") from None


def names_of_frame(X: Any) -> list[Any]:
    """The names of a data frame's columns, of any kind; none of an array."""
    return list(getattr(X, "column_names", getattr(X, "columns", ())))


def _first_out_of_order(estimator: Any, X: Any) -> str:
    """The hint; empty unless X has the columns of the fit in a different order."""
    own = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    given = [str(name) for name in names_of_frame(X)]
    if own == given or sorted(own) != sorted(given):
        return ""
    wanted, found = next(pair for pair in zip(own, given, strict=True) if pair[0] != pair[1])
    return (
        f"Column {quoted(found)} is in the place of {quoted(wanted)}: "
        "X[list(estimator.feature_names_in_)] has the right order\n"
    )

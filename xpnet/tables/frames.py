"""Data frames by narwhals, and Parquet by pyarrow: the extra ``data``."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from xpnet.errors import printable, quoted
from xpnet.tables.cells import python_values
from xpnet.tables.given import open_table
from xpnet.tables.table import Table, repeated
from xpnet.undisturbed import imported
from xpnet.whole_file import path_of

__all__ = ["from_frame", "read_parquet"]


def from_frame(frame: Any, source: str = "the data frame") -> Table:
    """A table from a data frame of pandas, Polars, PyArrow or another that narwhals knows.

    An index is no column. Categories and enumerations are text; truth values are the text "True"
    and "False"; nulls are missing cells. A column of another kind (dates, lists) is an error where
    it is used.

    Raises
    ------
    ImportError
        narwhals is missing; the message has the command that installs it.
    TypeError
        It is no data frame, or a lazy one.
    ValueError
        Names that occur twice, no columns, or no rows; a cell that Python cannot hold, such as a
        date of the year 10,000 or text that is not UTF-8.
    """
    narwhals = _need("narwhals", "data frames are read")
    try:
        series = list(narwhals.from_native(frame, eager_only=True).iter_columns())
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{source} can't be read: {' '.join(str(error).split())}") from error
    names = [str(s.name) for s in series]
    if (twice := repeated(names)) is not None:
        raise ValueError(f"{source} has two columns {quoted(names[twice[1]])}")
    table = Table({n: _values(s, source) for n, s in zip(names, series, strict=True)}, source)
    if len(table) == 0:
        raise ValueError(f"{source} has no rows")
    return table


def _values(series: Any, source: str) -> Any:
    """Numbers as an array where that has all of their digits, else Python's own.

    Integers are no float64 beyond 2⁵³, where two keys would become one; decimals are none at all.
    """
    if series.dtype.is_float():
        return series.to_numpy().astype(np.float64)
    if series.dtype.is_integer() and series.null_count() == 0:
        return series.to_numpy()
    return python_values(series.to_list, f"{source}, column {quoted(str(series.name))}")


def read_parquet(path: str | os.PathLike[str]) -> Table:
    """A table from a Parquet file; kinds of columns as for `from_frame`.

    Raises
    ------
    ImportError
        pyarrow or narwhals is missing; the message has the command that installs them.
    TypeError, FileNotFoundError, ValueError
        The path is none; there is no such file; it is no Parquet file, or has no rows.
    """
    with open_table(path) as file:
        pyarrow = _need("pyarrow", "Parquet files are read")
        parquet = imported("pyarrow.parquet")
        source = path_of(path)
        try:
            frame = parquet.read_table(file)
        except (pyarrow.ArrowException, OSError) as error:
            reason = printable(str(error).partition("\n")[0])
            raise ValueError(f"{source} can't be read as Parquet: {reason}") from error
    return from_frame(frame, source)


def _need(package: str, why: str) -> Any:
    try:
        return imported(package)
    except ImportError as error:
        raise ImportError(f'{why} by {package}: pip install "xpnet[data]"') from error

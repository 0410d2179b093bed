"""Read data frames by narwhals, and Parquet by pyarrow; both need the extra ``data``."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from xpnet.errors import printable, quoted
from xpnet.tables.cells import python_values
from xpnet.tables.given import open_table
from xpnet.tables.table import Table, repeated
from xpnet.typing import Host
from xpnet.undisturbed import imported
from xpnet.whole_file import path_of

__all__ = ["from_frame", "read_parquet"]


def from_frame(frame: Any, source: str = "the data frame") -> Table:
    """Make a table from a data frame of pandas, Polars, PyArrow or any library narwhals knows.

    An index is not a column. Categories and enumerations are text, truth values the text "True"
    and "False", nulls missing cells. Dates are text, such as 2024-01-05, or 2024-01-05T12:30:00
    in UTC, or with their offset if all are local midnights. Times of day are text too, and
    durations are days. A column of any other kind (bytes, lists) is an error when it is used.

    Raises
    ------
    ImportError
        narwhals is missing; the message has the command to install it.
    TypeError
        It is not a data frame, or a lazy one.
    ValueError
        A name occurs twice, or there are no columns or no rows, or Python cannot represent a cell,
        such as a date of the year 10,000 or text that is not UTF-8.
    """
    narwhals = _need("narwhals", "data frames are read")
    try:
        series = list(narwhals.from_native(frame, eager_only=True).iter_columns())
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{source} can't be read: {_reason(frame, error)}") from error
    names = [str(s.name) for s in series]
    if (twice := repeated(names)) is not None:
        raise ValueError(f"{source} has two columns {quoted(names[twice[1]])}")
    table = Table({n: _values(s, source) for n, s in zip(names, series, strict=True)}, source)
    if len(table) == 0:
        raise ValueError(f"{source} has no rows")
    return table


def _reason(frame: Any, error: Exception) -> str:
    """Why a frame can't be read: what to pass, if its kind is known; else narwhals' words."""
    kind = type(frame).__name__
    if "lazy" in kind.lower():
        return f"it is lazy, a {kind}: pass frame.collect()"
    if "Series" in kind:
        return f"it is a single column, a {kind}: pass a data frame, such as series.to_frame()"
    return " ".join(str(error).split())


def _values(series: Any, source: str) -> Any:
    """A column as an array if that keeps every digit of its numbers, else as Python objects.

    As float64, two keys beyond 2⁵³ could become equal, and decimals would be rounded.
    """
    if series.dtype.is_float():
        return series.to_numpy().astype(np.float64)
    if series.dtype.is_integer() and series.null_count() == 0:
        return series.to_numpy()
    is_time = isinstance(series.dtype, imported("narwhals").Datetime)
    if is_time and not _begin_local_days(series):
        moments = _in_utc(series).to_numpy()
        if _in_pythons_years(moments):
            return moments
    return python_values(series.to_list, f"{source}, column {quoted(str(series.name))}")


def _in_utc(series: Any) -> Any:
    """Dates with times, in UTC and without a time zone; those without one are as they are."""
    if series.dtype.time_zone is None:
        return series
    return series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _begin_local_days(series: Any) -> bool:
    """Whether all dates begin a day in their time zone, which is not UTC."""
    if series.dtype.time_zone in (None, "UTC"):
        return False
    moments = series.drop_nulls().dt.replace_time_zone(None).to_numpy()
    return bool(moments.dtype.kind == "M" and (moments.astype("M8[D]") == moments).all())


def _in_pythons_years(moments: Host) -> bool:
    """Whether NumPy's dates (N,) lie in the years 1 to 9999; it is also True without any dates."""
    if moments.dtype.kind != "M":
        return False
    years = moments[~np.isnat(moments)].astype("M8[Y]").astype(np.int64) + 1970
    return bool(((years >= 1) & (years <= 9999)).all())


def read_parquet(path: str | os.PathLike[str]) -> Table:
    """Read a table from a Parquet file; columns are treated as in `from_frame`.

    Raises
    ------
    ImportError
        pyarrow or narwhals is missing; the message has the command to install them.
    TypeError
        ``path`` is not a path.
    FileNotFoundError
        There is no such file.
    ValueError
        It is not a Parquet file, or has no rows.
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

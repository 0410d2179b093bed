"""Convert cells: text to numbers, numbers to text, and any values to one of the two.

A missing cell is the empty text, or NaN. Dates become text in ISO's form, and durations days.

Text is stored in NumPy's variable-width strings. With a fixed width, every row would take as many
bytes as the longest cell, and trailing NULs would be lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Set
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.checks import is_missing
from xpnet.errors import printable, quoted
from xpnet.tables.times import days, iso_text, of_times
from xpnet.typing import Host

__all__ = [
    "EXACT",
    "TEXT",
    "as_numbers",
    "as_text",
    "column",
    "is_number",
    "label_of",
    "plain_number",
    "python_values",
    "reads_as_numbers",
]

TEXT = np.dtypes.StringDType()
EXACT = 2**53
"""The largest integer up to which float64 keeps all; larger ones of a frame are kept as text."""


def as_numbers(text: Host) -> Host:
    """Numbers (N,) float64, as Python's ``float`` reads the cells; NaN if a cell is not a number.

    A number has no underscore here: 1_000 is more often a code than a thousand.
    """
    if not (np.strings.find(text, "_") >= 0).any():
        try:
            return text.astype(np.float64)
        except ValueError:
            pass
    cells = text.tolist()
    number = {cell: plain_number(cell) for cell in set(cells)}  # once each: failures are slow
    return np.fromiter(map(number.__getitem__, cells), np.float64, len(cells))


def is_number(cell: str) -> bool:
    """Whether `as_numbers` reads the cell as a number; "nan" is not one."""
    return not math.isnan(plain_number(cell))


def plain_number(cell: str) -> float:
    """The number that `as_numbers` reads in a cell; NaN if it is none."""
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def reads_as_numbers(text: Host, numbers: Host) -> bool:
    """Whether more than half of the cells that are not missing are numbers, or all are missing.

    A mistyped cell in a column of numbers is then an error with its line, and does not make the
    column text.
    """
    n = int(np.count_nonzero(~np.isnan(numbers)))
    if n == len(text):
        return True
    there: int = sum(cell != "" and cell.strip().lower() != "nan" for cell in text.tolist())
    return there == 0 or 2 * n > there


def label_of(value: float) -> str:
    """A number as the name of a class or category: 3.0 is "3", whatever the table's source."""
    return str(int(value)) if value.is_integer() else repr(value)


def as_text(numbers: Host) -> Host:
    """Numbers as text (N,), each as `label_of` writes it; NaN becomes a missing cell."""
    return np.array(["" if v != v else label_of(v) for v in numbers.tolist()], TEXT)


def column(name: str, values: Any) -> Host:
    """Values (N,) as float64 or text, or unchanged with dtype object if they are neither."""
    array = _array_of(name, values)
    if array.ndim != 1:
        raise ValueError(f"column {quoted(name)} must have one dimension, got shape {array.shape}")
    try:
        return _typed(array)
    except OverflowError as error:
        raise ValueError(f"column {quoted(name)} can't be read: {error}") from error
    except UnicodeEncodeError as error:
        raise ValueError(
            f"column {quoted(name)} holds text that is not Unicode: {error.reason}, at "
            f"{quoted(error.object[error.start : error.end])}"
        ) from error


def _array_of(name: str, values: Any) -> Host:
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "to_pylist"):  # a pyarrow array
        return _objects(python_values(values.to_pylist, f"column {quoted(name)}"))
    if hasattr(values, "__dlpack__"):
        return to_numpy(values)
    if isinstance(values, (str, bytes, Mapping, Set)) or not isinstance(values, Iterable):
        raise TypeError(
            f"column {quoted(name)} must be a list of cells, such as [1.0, 2.5], got "
            f"{quoted(values)}"
        )
    return _objects(list(values))


def python_values(listed: Callable[[], list[Any]], what: str) -> list[Any]:
    """A library's cells as Python objects, from its function ``listed``.

    Raises ValueError if Python cannot represent a cell, such as a date beyond the year 9999 or text
    that is not UTF-8.
    """
    try:
        return listed()
    except (ArithmeticError, ValueError) as error:
        reason = printable(" ".join(str(error).split()))
        raise ValueError(f"{what} can't be read: {reason}") from error


def _typed(array: Host) -> Host:
    # as objects, since other conversions lose the mask and turn times into numbers
    if np.ma.isMaskedArray(array):
        return _of_objects(array.tolist() if array.dtype.kind not in "mM" else list(array))
    if array.dtype.kind == "M":
        return np.array(iso_text(array), TEXT)
    if array.dtype.kind == "m":
        found = days(array)
        return _objects(list(array)) if found is None else found
    if array.dtype.kind in "iu" and np.any((array > EXACT) | (array < -EXACT)):
        return _of_objects(array.tolist())
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    if array.dtype == TEXT:
        return array
    if array.dtype.kind == "U":
        return array.astype(TEXT)
    return _of_objects(array.tolist())


def _of_objects(values: list[Any]) -> Host:
    there = [value for value in values if not _is_missing(value)]
    if _all(there, str) or _all(there, _BOOL):  # truth values are text, as in a CSV
        return np.array(["" if _is_missing(v) else str(v) for v in values], TEXT)
    if times := of_times([None if _is_missing(v) else v for v in values]):
        return np.array(times, TEXT if isinstance(times[0], str) else np.float64)
    if not _all(there, (Real, Decimal)) or any(isinstance(v, _NO_NUMBER) for v in there):
        return _objects(values)
    if all(map(_fits, there)):
        return np.array([math.nan if _is_missing(v) else float(v) for v in values], np.float64)
    return np.array(["" if _is_missing(v) else _digits(v) for v in values], TEXT)


def _fits(value: Any) -> bool:
    """Whether float64 keeps the number: an integer up to 2⁵³, a decimal of up to 15 digits."""
    if isinstance(value, Integral):
        return -EXACT <= int(value) <= EXACT
    if isinstance(value, Decimal) and value.is_finite():
        return Decimal(repr(float(value))) == value
    return True


def _digits(value: Any) -> str:
    """A number as text with all of its digits, as `label_of` writes it if none is lost."""
    if isinstance(value, Integral):
        return str(int(value))
    if not isinstance(value, Decimal) or not value.is_finite():
        return label_of(float(value))
    plain = f"{value:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _objects(values: list[Any]) -> Host:
    """Any values as objects (N,); ``np.array`` would make a matrix of lists of one length."""
    return np.fromiter(values, object, len(values))


_BOOL = (bool, np.bool_)
_NO_NUMBER = (*_BOOL, np.timedelta64)  # although Python counts them as integers


def _all(values: Iterable[Any], kind: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def _is_missing(value: Any) -> bool:
    """Like `is_missing`, and also whether a cell is masked or a Decimal's NaN."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return value is np.ma.masked or is_missing(value)

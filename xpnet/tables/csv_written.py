"""Write CSV by the standard library: with commas, in UTF-8, and quotes as in RFC 4180."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from io import StringIO
from typing import Any

from xpnet.backends import to_numpy
from xpnet.errors import quoted
from xpnet.tables.cells import TEXT, column
from xpnet.tables.given import check_lengths, named
from xpnet.tables.separators import COMMA, SEPARATORS
from xpnet.whole_file import path_of, whole_file

__all__ = ["csv_text", "write_csv"]


def write_csv(path: str | os.PathLike[str], columns: Mapping[str, Any]) -> None:
    """Write columns of text or numbers to a CSV file, whole or not at all.

    Raises
    ------
    TypeError
        ``columns`` is not a mapping of str to arrays of text, numbers or truth values.
    ValueError
        Columns differ in length, or one has not exactly one axis.
    """
    path, text = path_of(path), csv_text(columns)
    with whole_file(path) as file:
        file.write(text.encode())


def csv_text(columns: Mapping[str, Any]) -> str:
    """The text that `write_csv` writes."""
    cells = {name: _cells(name, values) for name, values in named(columns).items()}
    check_lengths({name: len(values) for name, values in cells.items()}, "the columns")
    # Readers end a line at a lone \r too, but the module quotes only what its own line end has.
    # An unquoted name with another separator may make readers take it for the file's.
    quoting: Any = csv.QUOTE_ALL if _is_ambiguous(cells) else csv.QUOTE_MINIMAL
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=quoting)
    writer.writerow(cells)
    writer.writerows(zip(*cells.values(), strict=True))
    return text.getvalue()


def _cells(name: str, values: Any) -> list[str]:
    """The column as text; a number has the fewest digits that identify it."""
    array = to_numpy(values) if hasattr(values, "shape") else column(name, values)
    if array.ndim != 1:
        raise ValueError(f"column {quoted(name)} must have one dimension, got shape {array.shape}")
    if array.dtype.kind not in "biufTU":
        raise TypeError(f"column {quoted(name)} must hold text or numbers, got dtype {array.dtype}")
    cells: list[str] = array.astype(TEXT).tolist()
    return cells


def _is_ambiguous(columns: Mapping[str, list[str]]) -> bool:
    marks = {"\r", *SEPARATORS} - {COMMA}
    return any(
        not marks.isdisjoint(name) or any("\r" in cell for cell in columns[name])
        for name in columns
    )

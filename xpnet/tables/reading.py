"""Read a table from a file whose ending says its kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from xpnet.tables.csv_files import read_csv
from xpnet.tables.frames import from_frame, read_parquet
from xpnet.tables.table import Table
from xpnet.whole_file import path_of

__all__ = ["PARQUET", "read_table", "table_of"]

PARQUET = (".parquet", ".pq")


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a table by `read_parquet` if the name ends in .parquet or .pq, else by `read_csv`."""
    if path_of(path).lower().endswith(PARQUET):
        return read_parquet(path)
    return read_csv(path)


def table_of(given: Any) -> Table:
    """The table of a path, a `Table`, a dict of columns, or a data frame."""
    if isinstance(given, Table):
        return given
    if isinstance(given, Mapping):
        return Table(given)
    return read_table(given) if isinstance(given, (str, os.PathLike)) else from_frame(given)

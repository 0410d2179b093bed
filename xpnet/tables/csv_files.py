"""CSV by the standard library's reader: commas, a header, UTF-8, quotes as in RFC 4180."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from itertools import islice
from typing import Any

import numpy as np

from xpnet.files import whole_file
from xpnet.tables.cells import TEXT, Array
from xpnet.tables.table import Table, shown

__all__ = ["read_csv", "write_csv"]

_CHUNK = 1 << 10  # rows held as Python objects at a time: what stays in the cache
_Record = tuple[int, list[str]]  # the line on which it begins, and its cells


def read_csv(path: str | os.PathLike[str]) -> Table:
    """A table of text columns, of which `Table.numbers` reads the numbers when asked.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is empty, not UTF-8, has no header or names twice, or a row has too few or too many
        cells; the line is named, as an editor counts.
    """
    source = os.fspath(path)
    if not os.path.exists(source):
        raise FileNotFoundError(f"there is no file {source!r}")
    try:
        with open(source, encoding="utf-8-sig", newline="") as file:
            records = _records(csv.reader(file, strict=True), source)
            names = _header(next(records, None), source)
            return _table(_checked(records, names, source), names, source)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{source}{_undecodable_line(source)} is not UTF-8 text: save the file as UTF-8"
        ) from error


def _records(reader: Any, source: str) -> Iterator[_Record]:
    """Every record; blank lines are left out at the end of the file alone."""
    blank = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{source}, line {line}: {error}") from error
        if blank is not None and cells:
            raise ValueError(f"{source}, line {blank} is empty")
        if cells:
            yield line, cells
        elif blank is None:
            blank = line


def _header(record: _Record | None, source: str) -> tuple[str, ...]:
    if record is None:
        raise ValueError(f"{source} is empty: the first line must be a header, the columns' names")
    names = tuple(record[1])
    for i, name in enumerate(names):
        if name == "":
            raise ValueError(
                f"{source}, line 1: column {i + 1} has no name (the first line must be a header; "
                "in pandas, to_csv(path, index=False))"
            )
        if "\0" in name:
            raise ValueError(f"{source}, line 1 has NUL characters: save the file as UTF-8 text")
        if name in names[:i]:
            first = names.index(name) + 1
            raise ValueError(f"{source}, line 1: columns {first} and {i + 1} are both {name!r}")
    return names


def _checked(records: Iterator[_Record], names: tuple[str, ...], source: str) -> Iterator[_Record]:
    """The records, each of as many cells as there are names."""
    n = len(names)
    for line, cells in records:
        if len(cells) < n:
            raise ValueError(
                f"{source}, line {line} has {len(cells)} cells, but the header {n}: none for "
                f"{shown(names[len(cells) :], 5)}"
            )
        if len(cells) > n:
            raise ValueError(
                f"{source}, line {line} has {len(cells)} cells, but the header {n}: the last is "
                f"column {names[-1]!r}"
            )
        yield line, cells


def _table(records: Iterator[_Record], names: tuple[str, ...], source: str) -> Table:
    lines: list[Array] = []
    parts: list[list[Array]] = [[] for _ in names]
    while chunk := list(islice(records, _CHUNK)):
        lines.append(np.array([line for line, _ in chunk], np.int64))
        for part, cells in zip(parts, zip(*(row for _, row in chunk), strict=True), strict=True):
            part.append(np.array(cells, TEXT))
    if not lines:
        raise ValueError(f"{source} has no rows below its header")
    columns = {name: np.concatenate(part) for name, part in zip(names, parts, strict=True)}
    return Table(columns, source, np.concatenate(lines))


def _undecodable_line(path: str) -> str:
    """', line 7' of a file on disk; a pipe can't be read again."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return f", line {number}"
    return ""


def write_csv(path: str | os.PathLike[str], columns: Mapping[str, Array]) -> None:
    """Write columns of text or numbers, the file whole or not at all."""
    cells = [values.astype(TEXT).tolist() for values in columns.values()]
    with whole_file(path) as file:
        text = TextIOWrapper(file, "utf-8", newline="")
        # the module quotes what is in the line's end alone, but a lone \r ends a line for readers
        writer = csv.writer(
            text,
            lineterminator="\n",
            quoting=csv.QUOTE_ALL if _has_return(columns) else csv.QUOTE_MINIMAL,
        )
        writer.writerow(columns)
        writer.writerows(zip(*cells, strict=True))
        text.detach()  # flushes; the file is closed by the one who opened it


def _has_return(columns: Mapping[str, Array]) -> bool:
    cells = (values for values in columns.values() if values.dtype == TEXT)
    return any("\r" in name for name in columns) or any(
        bool((np.strings.find(values, "\r") >= 0).any()) for values in cells
    )

"""Read and write CSV by the standard library: commas, a header, UTF-8, RFC 4180 quotes."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader, StringIO, TextIOWrapper
from itertools import islice
from threading import Lock
from typing import Any, BinaryIO

import numpy as np

from xpnet.backends import to_numpy
from xpnet.errors import quoted
from xpnet.tables.cells import TEXT, column
from xpnet.tables.given import check_lengths, named, open_table
from xpnet.tables.kinds import LONGEST, check_is_text
from xpnet.tables.table import Table, repeated, separator_hint, shown
from xpnet.typing import Host
from xpnet.whole_file import path_of, whole_file

__all__ = ["csv_text", "header_of", "is_csv", "parse_csv", "read_csv", "write_csv"]

_CHUNK = 1 << 10  # rows held as Python objects at once, few enough for the cache
_Record = tuple[int, list[str]]  # its first line's number, and its cells


def read_csv(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file as a table of text columns; `Table.numbers` reads numbers when asked.

    Raises
    ------
    TypeError
        ``path`` is not a path.
    FileNotFoundError
        There is no such file.
    ValueError
        It is empty, compressed, or not UTF-8; it has no header, or a name twice; a row has too few
        or too many cells. The message gives the line's number as an editor counts.
    """
    with open_table(path) as file:
        return parse_csv(file, path_of(path))


def parse_csv(file: BinaryIO, source: str) -> Table:
    """Read an open file like `read_csv`; ``source`` is its name in errors."""
    with _parsed(file, source) as (names, records):
        return _table(records, names, source)


def header_of(path: str | os.PathLike[str]) -> Table:
    """A table of the file's columns without rows; only the header is parsed."""
    source = path_of(path)
    with open_table(path) as file, _parsed(file, source) as (names, _):
        return Table(dict.fromkeys(names, ()), source)


def is_csv(path: str | os.PathLike[str]) -> bool:
    """Whether the first `_CHUNK` rows of a file can be read as a CSV table."""
    try:
        with open_table(path) as file, _parsed(file, "") as (_, records):
            for _ in islice(records, _CHUNK):
                pass
    except ValueError:
        return False
    return True


@contextmanager
def _parsed(file: BinaryIO, source: str) -> Iterator[tuple[tuple[str, ...], Iterator[_Record]]]:
    """The header's names, and an iterator of the records below it, checked for length."""
    buffered = BufferedReader(file)  # type: ignore[type-var]
    check_is_text(buffered.peek(LONGEST), source)
    text = TextIOWrapper(buffered, "utf-8-sig", newline="")
    try:
        with _cells_of_any_length():
            records = _records(csv.reader(text, strict=True), source)
            names = _header(next(records, None), source)
            yield names, _checked(records, names, source)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{source}{_undecodable_line(source)} is not UTF-8 text: save the file as UTF-8"
        ) from error
    finally:
        text.detach().detach()  # the caller closes the file


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters in a cell during the block.

    The limit holds for the whole process. It is restored when the last reader of any thread ends.
    """
    with _limit.lock:
        if _limit.readers == 0:
            _limit.before = csv.field_size_limit(_limit.none)
        _limit.readers += 1
    try:
        yield
    finally:
        with _limit.lock:
            _limit.readers -= 1
            if _limit.readers == 0:
                csv.field_size_limit(_limit.before)


class _limit:
    lock, readers, before = Lock(), 0, 0
    none = 2**31 - 1  # the largest C long on every system


def _records(reader: Any, source: str) -> Iterator[_Record]:
    """Every record; blank lines are skipped at the end of the file, elsewhere an error."""
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
    if (twice := repeated(names)) is not None:
        i, j = twice
        raise ValueError(
            f"{source}, line 1: columns {i + 1} and {j + 1} are both {quoted(names[i])}"
        )
    return names


def _checked(records: Iterator[_Record], names: tuple[str, ...], source: str) -> Iterator[_Record]:
    """The records, each checked to have as many cells as there are names."""
    n = len(names)
    for line, cells in records:
        if len(cells) != n:
            few = f"none for {shown(names[len(cells) :], 5)}"
            many = f"the last is column {quoted(names[-1])}"
            raise ValueError(
                f"{source}, line {line} has {len(cells)} cells, but the header {n}: "
                f"{few if len(cells) < n else many}{separator_hint(names)}"
            )
        yield line, cells


def _table(records: Iterator[_Record], names: tuple[str, ...], source: str) -> Table:
    lines: list[Host] = []
    parts: list[list[Host]] = [[] for _ in names]
    while chunk := list(islice(records, _CHUNK)):
        lines.append(np.array([line for line, _ in chunk], np.int64))
        for part, cells in zip(parts, zip(*(row for _, row in chunk), strict=True), strict=True):
            part.append(np.array(cells, TEXT))
    if not lines:
        raise ValueError(f"{source} has no rows below its header")
    columns = {name: np.concatenate(part) for name, part in zip(names, parts, strict=True)}
    return Table(columns, source, np.concatenate(lines))


def _undecodable_line(path: str) -> str:
    """The end of a message, such as ', line 7'; empty for a pipe, which cannot be reread."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return f", line {number}"
    return ""


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
    # readers end a line at a lone \r too, but the module quotes only what its own line end contains
    quoting: Any = csv.QUOTE_ALL if _has_return(cells) else csv.QUOTE_MINIMAL
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


def _has_return(columns: Mapping[str, list[str]]) -> bool:
    return any("\r" in name or any("\r" in cell for cell in columns[name]) for name in columns)

"""Read CSV by the standard library: a header, and quotes as in RFC 4180.

A file may be compressed (`compressed`), in another encoding than UTF-8 (`encodings`), have another
separator than commas (`separators`), or lines above its header (`headers`).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from threading import Lock
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from xpnet.errors import counted, quoted
from xpnet.tables.cells import TEXT, is_number
from xpnet.tables.compressed import pieces_of
from xpnet.tables.encodings import text_of
from xpnet.tables.given import open_table
from xpnet.tables.headers import data_hint, start_of
from xpnet.tables.separators import first_lines, separator_hint
from xpnet.tables.table import Table, repeated, shown
from xpnet.typing import Host
from xpnet.whole_file import path_of

__all__ = ["header_of", "is_csv", "parse_csv", "read_csv"]

_CHUNK = 1 << 10  # rows held as Python objects at once, few enough for the cache
_CELLS = 1 << 22  # cells held so, but for a row that has more
_Record = tuple[int, list[str]]  # its first line's number, and its cells


class _Parsed(NamedTuple):
    """The header's names, the records below it, and notes, which reading may add to.

    The first name is empty if the first column is an index.
    """

    names: tuple[str, ...]
    records: Iterator[_Record]
    notes: list[str]


class _Header(NamedTuple):
    """The columns' names, the header's line, and its cells, of which the last may be empty.

    They are, if each line ends with a separator.
    """

    names: tuple[str, ...]
    line: int
    width: int


def read_csv(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file as a table of text columns; `Table.numbers` reads numbers when asked.

    The separator is a comma, a semicolon, a tab or a bar: the one with which the first records have
    as many cells as the header, or the one that a first line such as `sep=;` names. A title, empty
    lines and comments above the header are left out if they are certain to be such
    (`xpnet.tables.headers`). The text is UTF-8, UTF-16 with a byte order mark, or else
    Windows-1252. A file compressed by gzip, bzip2 or xz is decompressed, and so is the only file in
    a zip archive. `Table.notes` says what is different from commas, UTF-8, no compression and a
    header in the first line.

    Raises
    ------
    TypeError
        ``path`` is not a path.
    FileNotFoundError
        There is no such file.
    ValueError
        It is empty, not text, an archive of several files, or decompresses to more than 64 MiB and
        200 times its size; it has no header, or a name twice; a row has too few or too many cells.
        The message gives the line's number as an editor counts.
    """
    with open_table(path) as file:
        return parse_csv(file, path_of(path))


def parse_csv(file: BinaryIO, source: str) -> Table:
    """Read an open file like `read_csv`; ``source`` is its name in errors."""
    with _parsed(file, source) as found:
        return _table(found, source)


def header_of(path: str | os.PathLike[str]) -> Table:
    """A table of the file's columns without rows; only the first records are read."""
    source = path_of(path)
    with open_table(path) as file, _parsed(file, source) as found:
        columns = dict.fromkeys(found.names, np.array([], TEXT))
        return _with_index(columns, source, None, found.notes)


def is_csv(path: str | os.PathLike[str], plain: bool = False) -> bool:
    """Whether the first `_CHUNK` rows of a file can be read as a CSV table.

    If ``plain``, they must also be as `write_csv` writes: with commas, in UTF-8, not compressed.
    """
    try:
        with open_table(path) as file, _parsed(file, "") as found:
            for _ in islice(found.records, _CHUNK):
                pass
            return not (plain and found.notes)
    except ValueError:
        return False


@contextmanager
def _parsed(file: BinaryIO, source: str) -> Iterator[_Parsed]:
    """The header of an open file, and its records, which are checked for length when read."""
    notes: list[str] = []
    with text_of(pieces_of(file, source, notes), source, notes) as text, _cells_of_any_length():
        lines = first_lines(text)
        mark, above, said = start_of(lines)
        notes += said
        reader = csv.reader(chain(lines[above:], text), delimiter=mark, strict=True)
        records = _records(reader, source, above)
        header = _header(next(records, None), source)
        if empty := header.width - len(header.names):
            notes.append(f"columns at the end without name and cells are left out: {empty}")
        yield _Parsed(header.names, _checked(records, header, source), notes)


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


def _records(reader: Any, source: str, above: int) -> Iterator[_Record]:
    """Every record; blank lines are skipped at the end of the file, elsewhere an error.

    The reader begins below the ``above`` first lines of the file.
    """
    blank = None
    while True:
        line = above + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{source}, line {line}: {error}") from error
        if blank is not None and cells:
            raise ValueError(f"{source}, line {blank} is empty: remove it")
        if cells:
            yield line, cells
        elif blank is None:
            blank = line


def _header(record: _Record | None, source: str) -> _Header:
    if record is None:
        raise ValueError(f"{source} is empty: the first line must be a header, the columns' names")
    line, cells = record
    named = next((i for i in range(len(cells), 0, -1) if cells[i - 1]), len(cells))
    names = tuple(cells[:named])
    for i, name in enumerate(names):
        if name == "" and (i or len(names) == 1):
            raise ValueError(
                f"{source}, line {line}: column {i + 1} has no name (the first line must be a "
                "header, so remove lines above it; in pandas, to_csv(path, index=False))"
            )
        if "\0" in name:
            what = "has NUL characters: save the file as UTF-8 text"
            raise ValueError(f"{source}, line {line} {what}")
    if (twice := repeated(names)) is not None:
        i, j = twice
        remedy = "rename one"
        if is_number(names[i]):
            remedy += ", or if the line holds data, write one with the columns' names above it"
        raise ValueError(
            f"{source}, line {line}: columns {i + 1} and {j + 1} are both {quoted(names[i])}: "
            f"{remedy}"
        )
    return _Header(names, line, len(cells))


def _checked(records: Iterator[_Record], header: _Header, source: str) -> Iterator[_Record]:
    """The records, each checked to have as many cells as there are names.

    If the header has more cells than names, a record may have as many; those at its end must be
    empty and are left out.
    """
    names, n = header.names, len(header.names)
    for line, cells in records:
        if n < len(cells) == header.width:
            _check_empty(cells, line, header, source)
            del cells[n:]
        if len(cells) != n:
            few = f"none for {shown(names[len(cells) :], 5)}"
            many = f"the last is column {quoted(names[-1])}"
            hint = separator_hint(names) or _title_hint(header)
            raise ValueError(
                f"{source}, line {line} has {counted(len(cells), 'cell')}, but the header {n}: "
                f"{few if len(cells) < n else many}{hint}"
            )
        yield line, cells


def _check_empty(cells: list[str], line: int, header: _Header, source: str) -> None:
    n = len(header.names)
    for i, cell in enumerate(cells[n:], start=n + 1):
        if cell:
            raise ValueError(
                f"{source}, line {line}: column {i} has the cell {quoted(cell, 60)}, but no name "
                f"in the header{_title_hint(header)}"
            )


def _title_hint(header: _Header) -> str:
    """A hint if the header may be a comment, or is one cell, which may be a title; else empty."""
    if header.names[0].startswith("#"):
        return f" (if line {header.line} is a comment and not the header, remove it)"
    if len(header.names) > 1:
        return ""
    return f" (if line {header.line} is a title, remove the lines above the header)"


def _table(found: _Parsed, source: str) -> Table:
    names, records, notes = found
    lines: list[Host] = []
    parts: list[list[Host]] = [[] for _ in names]
    rows = min(_CHUNK, _CELLS // len(names) + 1)
    while chunk := list(islice(records, rows)):
        lines.append(np.array([line for line, _ in chunk], np.int64))
        for part, cells in zip(parts, zip(*(row for _, row in chunk), strict=True), strict=True):
            part.append(np.array(cells, TEXT))
    if not lines:
        raise ValueError(f"{source} has no rows below its header")
    columns = {name: _joined(part) for name, part in zip(names, parts, strict=True)}
    return _with_index(columns, source, np.concatenate(lines), notes)


def _with_index(
    columns: dict[str, Host], source: str, lines: Host | None, notes: list[str]
) -> Table:
    """The table; a first column without a name is its index."""
    index = columns.pop("", None)
    notes = [*notes, *filter(None, [data_hint(tuple(columns))])]
    if index is not None:
        notes.append("the first column has no name and is left out: it is taken for an index")
    return Table(columns, source, lines, notes=notes, index=index)


def _joined(parts: list[Host]) -> Host:
    """Concatenate the parts of a column, and empty the list, so that no part is kept twice."""
    column = np.concatenate(parts) if len(parts) > 1 else parts[0]
    parts.clear()
    return column

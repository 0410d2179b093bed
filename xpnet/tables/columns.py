"""Turn an input column into columns of X: (x − mean) / scale, a 1 for the category, or a code.

A kind of column is a frozen class with ``kind``, ``name``, ``width``, ``fit``, ``encode(table)``,
``settings`` and ``restore``, and has a row in `KINDS`. ``encode`` returns (N, width).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from xpnet.errors import quoted
from xpnet.files.jsonable import integer_of, names_of, number_of, text_of
from xpnet.ranges import positive_integer
from xpnet.tables.looks import look_of
from xpnet.tables.table import Table, shown
from xpnet.typing import Host

__all__ = [
    "KINDS",
    "MOST",
    "MOST_EMBEDDED",
    "Column",
    "Embedded",
    "Number",
    "OneHot",
    "check_categories",
    "codes",
    "levels",
    "mean_and_scale",
    "standardised",
]

MOST = 1000  # most categories; more are names or keys, and X would be too large
MOST_EMBEDDED = 10_000  # more, since the layer makes one-hot rows for one batch at a time
_WIDEST = 32  # most numbers for a category, if ``dim`` is not given
_FAR = 1e15  # most standard deviations from the mean


@dataclass(frozen=True)
class Number:
    """A column of numbers, standardised: x ↦ (x − mean) / scale."""

    kind: ClassVar[str] = "number"
    width: ClassVar[int] = 1
    name: str
    mean: float
    scale: float

    @classmethod
    def fit(cls, table: Table, name: str, rows: Host | slice) -> Number:
        """Fit the mean and the standard deviation of the rows; a constant column has scale 1."""
        return cls(name, *mean_and_scale(table, name, rows))

    def encode(self, table: Table) -> Host:
        """Encode the column of ``table`` as (N, 1) float64."""
        return standardised(table, self.name, self.mean, self.scale)[:, None]

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Number:
        """The column, from a dict of its ``name`` and its `settings`."""
        return cls(text_of(found, "name"), number_of(found, "mean"), number_of(found, "scale", 0.0))


@dataclass(frozen=True)
class OneHot:
    """A column of text, one-hot: a 1 in the column of X of its category, zeros elsewhere."""

    kind: ClassVar[str] = "text"
    name: str
    categories: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of columns of X that it takes."""
        return len(self.categories)

    @classmethod
    def fit(cls, table: Table, name: str, rows: Host | slice) -> OneHot:
        """Collect the categories of the whole table, sorted; held-out rows are included."""
        return cls(name, tuple(sorted(levels(table, name))))

    def encode(self, table: Table) -> Host:
        """Encode the column of ``table`` as (N, width) float64 of zeros and ones."""
        at = codes(table, self.name, self.categories, "category", "categories")
        X = np.zeros((len(at), self.width))
        X[np.arange(len(at)), at] = 1.0
        return X

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"categories": list(self.categories)}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> OneHot:
        """The column, from a dict of its ``name`` and its `settings`."""
        return cls(text_of(found, "name"), names_of(found, "categories", 1))


@dataclass(frozen=True)
class Embedded:
    """A column of text as codes; `xpnet.layers.Embedding` learns ``dim`` numbers for each."""

    kind: ClassVar[str] = "embedded"
    width: ClassVar[int] = 1
    name: str
    categories: tuple[str, ...]
    dim: int

    @classmethod
    def fit(cls, table: Table, name: str, dim: int | None = None) -> Embedded:
        """Collect the table's categories, sorted; ``dim`` None: their number's root, up to 32."""
        categories = tuple(sorted(levels(table, name, MOST_EMBEDDED)))
        if dim is None:
            dim = min(math.isqrt(len(categories) - 1) + 1, _WIDEST)
        return cls(name, categories, positive_integer(f"the dim of column {quoted(name)}", dim))

    def encode(self, table: Table) -> Host:
        """Encode the column of ``table`` as (N, 1) float64: each category's index."""
        at = codes(table, self.name, self.categories, "category", "categories")
        return at.astype(np.float64)[:, None]

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"categories": list(self.categories), "dim": self.dim}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Embedded:
        """The column, from a dict of its ``name`` and its `settings`."""
        categories = names_of(found, "categories", 1)
        return cls(text_of(found, "name"), categories, integer_of(found, "dim", 1))


Column: TypeAlias = Number | OneHot | Embedded
KINDS: dict[str, type[Number] | type[OneHot] | type[Embedded]] = {
    kind.kind: kind for kind in (Number, OneHot, Embedded)
}


def mean_and_scale(table: Table, name: str, rows: Host | slice) -> tuple[float, float]:
    """Mean and standard deviation of the rows; the latter is 1 if all values are equal."""
    values = table.numbers(name)[rows]
    if values.min() == values.max():
        return float(values[0]), 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean())
        largest = float(np.abs(values - mean).max())
        # divided by the largest, so that no square overflows
        scale = largest * float(np.std((values - mean) / largest))
    if not (np.isfinite(mean) and np.isfinite(scale)):
        raise ValueError(f"{table.where(name)}: its numbers are too large to average")
    return mean, scale or 1.0


def standardised(table: Table, name: str, mean: float, scale: float) -> Host:
    """(x − mean) / scale (N,), checked to be small enough for a float32 network."""
    with np.errstate(over="ignore"):
        X = (table.numbers(name) - mean) / scale
    far = np.flatnonzero(~(np.abs(X) <= _FAR))
    if len(far):
        value = float(table.numbers(name)[far[0]])
        raise table.error(
            int(far[0]), name, f"{value!r} is too far from the training rows (mean {mean:.6g})"
        )
    return X


def levels(table: Table, name: str, most: int = MOST) -> set[str]:
    """The different texts of a column; an error if there are more than ``most``."""
    found = set(table.text(name))
    if len(found) > most:
        remedy = " and if they recur, embed it (--embed, or embed=)" if most == MOST else ""
        look = look_of(found)
        like = "" if look is None else f"they look like {look}: write those plainly; "
        raise ValueError(
            f"{table.where(name)} has {len(found)} different texts, but at most {most} are "
            f"allowed: {like}if they are names or keys, leave the column out (--ignore, or "
            f"ignore=){remedy}"
        )
    return found


def check_categories(table: Table, name: str) -> None:
    """Check that numbers to embed are whole; decimals are measurements and rarely recur."""
    if table.is_text(name):
        return
    decimal = np.flatnonzero(table.numbers(name) != np.floor(table.numbers(name)))
    if len(decimal):
        cell = float(table.numbers(name)[decimal[0]])
        raise table.error(
            int(decimal[0]),
            name,
            f"{cell!r} is not a category to embed: leave the column out of --embed (embed=), so "
            "that it is a number; or, if such texts are names, also give --text (text=)",
        )


def codes(table: Table, name: str, known: tuple[str, ...], one: str, many: str) -> Host:
    """The index (N,) int64 of each cell's text in ``known``; an error for an unknown text."""
    cells = table.text(name)
    at = {text: i for i, text in enumerate(known)}
    found = np.fromiter((at.get(cell, -1) for cell in cells), np.int64, len(cells))
    new = np.flatnonzero(found < 0)
    if len(new):
        cell = cells[new[0]]
        of = f"{len(known)} {many}: {shown(known, 8)}"
        what = f"the {one} {quoted(cell, 60)} is not one of the training's {of}"
        raise table.error(int(new[0]), name, what)
    return found

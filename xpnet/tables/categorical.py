"""Columns of categories: one-hot, or codes for an embedding; the rest is a category "other".

A category is known if the training rows have it twice or more. All other texts, rare or new, are
"other", which is therefore trained too. A missing cell is a category of its own, the empty text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from xpnet.errors import quoted
from xpnet.files.jsonable import integer_of, list_of, text_of
from xpnet.ranges import positive_integer
from xpnet.tables.table import Table, shown
from xpnet.tables.truths import as_written
from xpnet.typing import Host

__all__ = ["MOST", "MOST_EMBEDDED", "Categories", "Codes", "check_categories"]

MOST = 256  # most categories of a one-hot column; the others are "other"
MOST_EMBEDDED = 10_000
_LEAST = 2  # rows of a known category
_WIDEST = 32  # most numbers for a category, if ``dim`` is not given
OTHER, MISSING = "(other)", "(missing)"  # in words: a category may be called "other"


class _Known:
    """What both kinds share: the known texts, and the index of each cell among them."""

    name: str
    known: tuple[str, ...]

    def codes(self, table: Table, holes: Collection[str]) -> Host:
        """The index (N,) int64 of each cell's text; the number of known texts for any other."""
        at = {text: i for i, text in enumerate(self.known)}
        cells = self._cells(table, holes)
        rest = len(self.known)
        return np.fromiter((at.get(cell, rest) for cell in cells), np.int64, len(cells))

    def _cells(self, table: Table, holes: Collection[str]) -> list[str]:
        """The column's texts (N,); truth values are in the case of the known ones."""
        return as_written(table.labels(self.name, holes), self.known)

    def news(
        self, table: Table, holes: Collection[str] = (), *, mostly: bool = False
    ) -> Iterator[str]:
        """A sentence on texts that are "other"; if ``mostly``, only if most of the cells are."""
        cells = self._cells(table, holes)
        at = set(self.known)
        others = Counter(cell for cell in cells if cell not in at)
        n = others.total()
        most = 2 * n > len(cells)
        if most or (n and not mostly):
            which = _some(text for text, _ in others.most_common())
            beside = f"; the training rows have {_some(self.known)}" if most else ""
            where = table.where(self.name)
            yield f'{where}: {n} of {len(cells)} cells are "other": {which}{beside}'

    def labels(self) -> tuple[str, ...]:
        """The categories in words, with "other"."""
        return (*(text or MISSING for text in self.known), OTHER)


@dataclass(frozen=True)
class Categories(_Known):
    """A column of text, one-hot: a 1 in the column of X of its category, or of "other"."""

    kind: ClassVar[str] = "categories"
    name: str
    known: tuple[str, ...]

    @classmethod
    def fit(
        cls, table: Table, name: str, rows: Host | slice, holes: Collection[str]
    ) -> Categories | None:
        """Collect what the rows have twice or more; None if nothing recurs."""
        known = _recurring(table, name, rows, holes, MOST)
        return cls(name, known) if known else None

    @property
    def width(self) -> int:
        """The number of columns of X that it takes."""
        return len(self.known) + 1

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the column of ``table`` as (N, width) float64 of zeros and ones."""
        at = self.codes(table, holes)
        X = np.zeros((len(at), self.width))
        X[np.arange(len(at)), at] = 1.0
        return X

    def names(self) -> tuple[str, ...]:
        """A name for each column of `encode`."""
        return tuple(f"{self.name} = {label}" for label in self.labels())

    def about(self) -> str:
        """The categories, for a line."""
        return shown(self.labels(), 8)

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"known": list(self.known)}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Categories:
        """The column, from a dict of its ``name`` and its `settings`."""
        return cls(text_of(found, "name"), _known_of(found))


@dataclass(frozen=True)
class Codes(_Known):
    """A column of text as codes; `xpnet.layers.Embedding` learns ``dim`` numbers for each."""

    kind: ClassVar[str] = "codes"
    width: ClassVar[int] = 1
    name: str
    known: tuple[str, ...]
    dim: int

    @classmethod
    def fit(
        cls, table: Table, name: str, rows: Host | slice, holes: Collection[str], dim: int | None
    ) -> Codes | None:
        """Collect what recurs; ``dim`` None: the root of the number of categories, up to 32."""
        known = _recurring(table, name, rows, holes, MOST_EMBEDDED)
        if dim is None:
            dim = min(math.isqrt(len(known)) + 1, _WIDEST)
        dim = positive_integer(f"the dim of column {quoted(name)}", dim)
        return cls(name, known, dim) if known else None

    @property
    def n_codes(self) -> int:
        """The number of categories, with "other"."""
        return len(self.known) + 1

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the column of ``table`` as (N, 1) float64: each category's index."""
        return self.codes(table, holes).astype(np.float64)[:, None]

    def names(self) -> tuple[str, ...]:
        """A name for the column of `encode`."""
        return (self.name,)

    def about(self) -> str:
        """The categories, for a line."""
        return f"{self.dim} numbers each, {shown(self.labels(), 8)}"

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"known": list(self.known), "dim": self.dim}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Codes:
        """The column, from a dict of its ``name`` and its `settings`."""
        return cls(text_of(found, "name"), _known_of(found), integer_of(found, "dim", 1))


def check_categories(table: Table, name: str, holes: Collection[str]) -> None:
    """Check that numbers to embed are whole; decimals are measurements and rarely recur."""
    notation = table.notation(name, holes)
    if notation is None or notation.kind != "number":
        return
    values, _ = notation.numbers(table.columns[name], holes)  # others are categories anyway
    decimal = np.flatnonzero(~np.isnan(values) & (values != np.floor(values)))
    if len(decimal):
        cell = float(values[decimal[0]])
        raise table.error(
            int(decimal[0]),
            name,
            f"{cell!r} is not a category to embed: leave the column out of --embed (embed=), so "
            "that it is a number; or, if such texts are names, also give --text (text=)",
        )


def _some(texts: Iterable[str]) -> str:
    """The first three texts, quoted, and a mark of more."""
    words = tuple(text or MISSING for text in texts)
    return f"{shown(words[:3])}{', …' if len(words) > 3 else ''}"


def _recurring(
    table: Table, name: str, rows: Host | slice, holes: Collection[str], most: int
) -> tuple[str, ...]:
    """The texts that occur twice or more in the rows, sorted; the ``most`` most frequent ones."""
    cells = table.labels(name, holes)
    chosen = cells[rows] if isinstance(rows, slice) else [cells[i] for i in rows]
    counts = Counter(chosen)
    often = sorted(
        (text for text, n in counts.items() if n >= _LEAST), key=lambda t: (-counts[t], t)
    )
    return tuple(sorted(often[:most]))


def _known_of(found: Mapping[str, Any]) -> tuple[str, ...]:
    value = list_of(found, "known")
    if not all(isinstance(text, str) for text in value) or len(set(value)) < len(value):
        raise ValueError(f"'known' must be different strings: {quoted(value)}")
    if not value:
        raise ValueError("'known' must have 1 or more entries")
    return tuple(value)

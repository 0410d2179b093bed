"""The kinds of columns in files of schema version 1, which go on to be read.

A number is (x − mean) / scale, text is one-hot or a code, and every category must be known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from xpnet.errors import quoted
from xpnet.files.jsonable import integer_of, names_of, number_of, text_of
from xpnet.tables.classes import codes
from xpnet.tables.quantity import standardised
from xpnet.tables.table import Table, shown
from xpnet.typing import Host

__all__ = ["KINDS_OF_1", "Embedded", "Number", "OneHot"]

_UNUSUAL = 100.0  # standard deviations beyond which `news` tells of a cell


@dataclass(frozen=True)
class Number:
    """A column of numbers, standardised: x ↦ (x − mean) / scale."""

    kind: ClassVar[str] = "number"
    width: ClassVar[int] = 1
    name: str
    mean: float
    scale: float

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the column of ``table`` as (N, 1) float64."""
        return standardised(table, self.name, table.numbers(self.name), self.mean, self.scale)[
            :, None
        ]

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"mean": self.mean, "scale": self.scale}

    def names(self) -> tuple[str, ...]:
        """A name for the column of `encode`."""
        return (self.name,)

    def about(self) -> str:
        """The rule in words."""
        return f"mean {self.mean:.6g}, scale {self.scale:.6g}"

    def news(self, table: Table, holes: Collection[str] = ()) -> Iterator[str]:
        """A sentence on cells far from the training rows."""
        values = table.numbers(self.name)
        with np.errstate(over="ignore"):
            distance = np.abs((values - self.mean) / self.scale)
        n, row = int(np.count_nonzero(distance > _UNUSUAL)), int(distance.argmax())
        if n:
            others = f", and {n - 1} more cells so far" if n > 1 else ""
            yield (
                f"{table.source}, {table.place(row)}, column {quoted(self.name)}: "
                f"{float(values[row])!r} is {distance[row]:.3g} standard deviations from the mean "
                f"of the training rows{others}: predictions for such rows are unreliable"
            )

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

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the column of ``table`` as (N, width) float64 of zeros and ones."""
        at = codes(table, self.name, self.categories, "category", "categories")
        X = np.zeros((len(at), self.width))
        X[np.arange(len(at)), at] = 1.0
        return X

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"categories": list(self.categories)}

    def names(self) -> tuple[str, ...]:
        """A name for each column of `encode`."""
        return tuple(f"{self.name} = {category}" for category in self.categories)

    def about(self) -> str:
        """The categories, for a line."""
        return shown(self.categories, 8)

    def news(self, table: Table, holes: Collection[str] = ()) -> Iterator[str]:
        """Nothing: an unknown category is an error."""
        return iter(())

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

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the column of ``table`` as (N, 1) float64: each category's index."""
        at = codes(table, self.name, self.categories, "category", "categories")
        return at.astype(np.float64)[:, None]

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"categories": list(self.categories), "dim": self.dim}

    def names(self) -> tuple[str, ...]:
        """A name for the column of `encode`."""
        return (self.name,)

    def about(self) -> str:
        """The categories, for a line."""
        return f"{self.dim} numbers each, {shown(self.categories, 8)}"

    def news(self, table: Table, holes: Collection[str] = ()) -> Iterator[str]:
        """Nothing: an unknown category is an error."""
        return iter(())

    @property
    def n_codes(self) -> int:
        """The number of categories."""
        return len(self.categories)

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Embedded:
        """The column, from a dict of its ``name`` and its `settings`."""
        categories = names_of(found, "categories", 1)
        return cls(text_of(found, "name"), categories, integer_of(found, "dim", 1))


KINDS_OF_1 = (Number, OneHot, Embedded)

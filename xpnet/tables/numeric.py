"""A column of numbers: bounded columns of X, and a flag for its holes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from xpnet.errors import counted, quoted
from xpnet.files.jsonable import flag_of, mapping, text_of
from xpnet.tables.bounded import Bounded
from xpnet.tables.notation import PLAIN, Notation
from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = ["Numeric", "with_flag"]


@dataclass(frozen=True)
class Numeric:
    """A column of numbers as `Bounded` says; a hole has zeros there, and a 1 as its flag.

    Attributes
    ----------
    name : str
    rule : Bounded
    notation : Notation
        How the cells of text are written.
    flag : bool
        Whether there is a column for holes: there is if the training rows had any.
    """

    kind: ClassVar[str] = "numeric"
    name: str
    rule: Bounded
    notation: Notation = PLAIN
    flag: bool = False

    @classmethod
    def fit(cls, name: str, x: Host, notation: Notation, bins: int) -> Numeric:
        """Fit the rule to the values (N,) of the rows, of which NaN are holes but not all."""
        there = x[~np.isnan(x)]
        return cls(name, Bounded.fit(there, bins), notation, len(there) < len(x))

    @property
    def width(self) -> int:
        """The number of columns of X that it takes."""
        return self.rule.width + self.flag

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the column of ``table`` as (N, width) float64."""
        x = table.quantities(self.name, self.notation, holes)
        return with_flag(self.rule.encode(x), np.isnan(x), self.flag)

    def names(self) -> tuple[str, ...]:
        """A name for each column of `encode`."""
        return *self.rule.names(self.name), *((f"{self.name} is missing",) if self.flag else ())

    def about(self) -> str:
        """The rule in words."""
        pieces = f", {counted(len(self.rule.knots) - 1, 'piece')}" if self.rule.knots else ""
        holes = ", may be missing" if self.flag else ""
        ends = f"{self.rule.lowest:.6g} to {self.rule.highest:.6g}"
        return f"{ends}, median {self.rule.center:.6g}, scale {self.rule.scale:.6g}{pieces}{holes}"

    def news(self, table: Table, holes: Collection[str] = ()) -> Iterator[str]:
        """Sentences on what the table has and the training rows had not."""
        x = table.quantities(self.name, self.notation, holes)
        yield from new_holes(table, self.name, np.isnan(x), self.flag)
        yield from far_cells(table, self.name, x, self.rule)

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than kind and name."""
        return {"notation": self.notation.settings(), "flag": self.flag, **self.rule.settings()}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Numeric:
        """The column, from a dict of its ``name`` and its `settings`."""
        notation = Notation.restore(mapping(found.get("notation"), "the notation"))
        if notation.kind != "number":
            raise ValueError(f"a column of numbers has the notation {quoted(notation.kind)}")
        rule = Bounded.restore(found)
        return cls(text_of(found, "name"), rule, notation, flag_of(found, "flag"))


def with_flag(X: Host, missing: Host, flag: bool) -> Host:
    """The columns, and one more if ``flag``: 1 where the cell is missing."""
    return np.column_stack([X, missing]) if flag else X


def new_holes(table: Table, name: str, missing: Host, flag: bool) -> Iterator[str]:
    """A sentence on holes, if the training rows had none."""
    n = int(np.count_nonzero(missing))
    if n and not flag:
        first = table.place(int(np.argmax(missing)))
        yield f"{table.where(name)}: {n} missing (first in {first}); the training rows had none"


def far_cells(
    table: Table,
    name: str,
    x: Host,
    rule: Bounded,
    shown: Callable[[float], str] | None = None,
) -> Iterator[str]:
    """A sentence on cells far outside of the training rows' range."""
    far = np.flatnonzero(rule.is_far(x))
    if len(far):
        end, cell = shown or "{:.6g}".format, (shown or repr)(float(x[far[0]]))
        cells = counted(len(far), "cell is", "cells are")
        yield (
            f"{table.where(name)}: {cells} far outside of the training rows' {end(rule.lowest)} to "
            f"{end(rule.highest)}, such as {cell} in {table.place(int(far[0]))}"
        )

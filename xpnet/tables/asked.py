"""What a user says of a table's columns, and the rule that each column gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from xpnet.errors import quoted
from xpnet.tables.categorical import Categories, Codes, check_categories
from xpnet.tables.moment import fit_numbers
from xpnet.tables.notation import Notation
from xpnet.tables.table import Table, shown
from xpnet.tables.versions import Column
from xpnet.typing import Host

__all__ = ["Asked"]


class Asked(NamedTuple):
    """What the user says of the columns, and how each is fitted."""

    text: frozenset[str]
    embed: dict[str, Any]
    ignore: frozenset[str]
    read_as: dict[str, str]
    holes: tuple[str, ...]
    bins: int
    tell: Callable[[str], None]

    def inputs(self, table: Table, targets: tuple[str, ...]) -> list[str]:
        """The names of the input columns."""
        told = {*self.text, *self.embed, *self.ignore}
        for name in sorted({*targets, *told, *self.read_as}):
            table.require(name)
        for target in targets:
            if target in told:
                raise ValueError(
                    f"{quoted(target)} is the target: it can't be left out, and task sets its kind"
                )
        names = [n for n in table.names if n not in targets and n not in self.ignore]
        if not names:
            raise ValueError(
                f"{table.source}: no column is left besides the target {shown(targets)}"
            )
        return names

    def fitted(self, table: Table, name: str, rows: Host | slice) -> Column | None:
        """The rule of a column; None, with a warning, if there is nothing to learn from."""
        found: Column | None
        notation = self.notation(table, name)
        if name in self.embed:
            if name not in self.text:
                check_categories(table, name, self.holes)
            found = Codes.fit(table, name, rows, self.holes, self.embed[name])
        elif notation is None:
            found = Categories.fit(table, name, rows, self.holes)
        else:
            found = fit_numbers(table, name, rows, notation, self.holes, self.bins)
        if found is None:
            nothing = "all cells are missing" if notation else "no text occurs twice"
            self.tell(f"{table.where(name)} is left out: {nothing} in the training rows")
        return found

    def notation(self, table: Table, name: str) -> Notation | None:
        """How a column's cells are written; None for text."""
        if name in self.text or name in self.embed:
            return None
        return table.notation(name, self.holes)

"""What the columns of a table are for in a training, and the rows that it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from xpnet.tables.described import spellings
from xpnet.tables.notation import PLAIN
from xpnet.tables.skewed import is_skewed
from xpnet.tables.table import Table, shown
from xpnet.tables.targets import tasks_of, with_targets
from xpnet.tables.weights import row_weights, without_weight_0
from xpnet.typing import Host

__all__ = ["Roles", "inputs_of"]


class Roles(NamedTuple):
    """The role of each column that is no plain input, and how cells are read.

    Attributes
    ----------
    targets : tuple of str
    weight : str or None
        The column of the rows' weights.
    text, ignore : frozenset of str
    embed : mapping of str to int or None
    read_as : mapping of str to str
    missing : tuple of str
        As for `Schema.fit`.
    """

    targets: tuple[str, ...]
    weight: str | None
    text: frozenset[str]
    embed: dict[str, Any]
    ignore: frozenset[str]
    read_as: dict[str, str]
    missing: tuple[str, ...]

    def check(self, table: Table) -> None:
        """Raise ValueError if the table lacks a column that has a role."""
        weighted = set() if self.weight is None else {self.weight}
        told = {*self.text, *self.embed, *self.ignore, *self.read_as}
        for name in sorted({*self.targets, *told, *weighted}):
            table.require(name)

    def read(self, table: Table) -> Table:
        """The table, with its columns read as told; ValueError for a cell that does not fit."""
        table = table.read_as(self.read_as, self.missing)
        names = inputs_of(table, self.targets, self.text, self.embed, self.ignore)
        table.settle(names, self.missing)
        return table

    def rows(
        self, table: Table, task: str | None, tell: Callable[[str], None]
    ) -> tuple[Table, str, Host | None]:
        """The rows that have all targets and count, the task, and their weights (N,) or None."""
        if self.weight is not None:
            table = without_weight_0(table, self.weight, self.missing, tell)
        task = task or tasks_of(table, self.targets, self.missing)[0]
        table = with_targets(table, self.targets, task, self.missing, tell)
        if self.weight is None:
            return table, task, None
        return table, task, row_weights(table, self.weight, self.missing)

    def asked(self) -> dict[str, Any]:
        """The keywords of `Schema.fit` for a table that is `read`: a weight is no input."""
        ignore = self.ignore | ({self.weight} if self.weight is not None else set())
        return {"text": self.text, "embed": self.embed, "ignore": ignore, "missing": self.missing}

    def hints(self, table: Table, task: str, log_target: bool, tell: Callable[[str], None]) -> None:
        """Tell of targets that could be given better: by their logarithm, or in one spelling."""
        if task == "regression" and not log_target:
            self._offer_logarithm(table, tell)
        for name in self.targets if task == "classification" else ():
            for sentence in spellings(table, name):
                tell(sentence)

    def _offer_logarithm(self, table: Table, tell: Callable[[str], None]) -> None:
        """Tell of ``log_target``, which is for all targets, if all are positive and skewed."""
        notations = {name: table.notation(name, self.missing) or PLAIN for name in self.targets}
        each = (table.quantities(name, how, self.missing) for name, how in notations.items())
        if all(map(is_skewed, each)):
            which = "column" if len(self.targets) == 1 else "each of the columns"
            tell(
                f"{which} {shown(self.targets)} is positive and skewed: --log-target "
                "(log_target=) predicts its logarithm: errors count as ratios, and predictions "
                "are medians, not means"
            )


def inputs_of(table: Table, targets: Iterable[str], *told: Iterable[str]) -> list[str]:
    """The columns that may be numbers or dates: no target, and none told otherwise."""
    others = set(targets).union(*told)
    return [name for name in table.names if name not in others]

"""Networks whose answers for the rows of a table are averaged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from xpnet.errors import quoted, warn
from xpnet.network import Network
from xpnet.tables.given import texts_given
from xpnet.tables.member import Member
from xpnet.tables.merged import foreign_to_all, news_of_all
from xpnet.tables.reading import table_of
from xpnet.tables.schema import Schema
from xpnet.tables.several import apart, predicted
from xpnet.tables.table import Table
from xpnet.tables.targets import Classes, Target
from xpnet.typing import Host

__all__ = ["Predictor"]

_BLOCK = 65_536  # rows encoded at once


@dataclass(frozen=True, repr=False)
class Predictor:
    """What predicts for tables: one network, or the mean of several.

    Attributes
    ----------
    members : tuple of (Network, Schema)
    """

    members: tuple[Member, ...]

    @property
    def network(self) -> Network:
        """The first network, or the only one."""
        return self.members[0].net

    @property
    def networks(self) -> tuple[Network, ...]:
        """All networks."""
        return tuple(member.net for member in self.members)

    @property
    def schema(self) -> Schema:
        """The first network's schema; the target is that of all."""
        return self.members[0].schema

    @property
    def classes(self) -> tuple[str, ...] | tuple[tuple[str, ...], ...]:
        """The classes, in the order of `predict_proba`; ValueError for a regression.

        Of several targets, a tuple for each.
        """
        each = tuple(target.classes for target in self._classes())
        return each[0] if len(each) == 1 else each

    def predict(self, table: Any) -> Host:
        """The most likely class of each row (N,), or the quantity (N,) float64.

        Of T targets it is (N, T). Classes are int64 if all of them are whole numbers, bool if they
        are true and false (in any case), else text. Targets of different kinds are all text.

        Parameters
        ----------
        table : path, Table, dict of columns or data frame
            With the columns of the training; the target may be missing.

        Warns
        -----
        UserWarning
            Most cells of a text column are "other", so it is likely written in a different way than
            in the training rows. `predict_proba`, `predictions`, `intervals` and `evaluate` warn of
            it too; `news` has more.
        """
        return predicted(self.schema.target, self.outputs(self._warned(table)))

    def predict_proba(self, table: Any) -> Host | tuple[Host, ...]:
        """The probability of each class (N, K) float64; ValueError for a regression.

        Of several targets, a tuple with an array for each.
        """
        self._classes()
        each = tuple(own for _, own in self._apart(self.outputs(self._warned(table))))
        return each[0] if len(each) == 1 else each

    def with_missing(self, texts: Iterable[str]) -> Self:
        """The same, but these texts mean missing cells too, beside those of the training.

        A table to predict for may write its missing cells in a way of its own.
        """
        more = texts_given("missing", texts)
        return replace(self, members=tuple(member.with_missing(more) for member in self.members))

    def _warned(self, table: Any) -> Table:
        """The table, after a warning of each column of text whose cells are mostly "other"."""
        found = table_of(table)
        for sentence in foreign_to_all([member.schema for member in self.members], found):
            warn(sentence)
        return found

    def news(self, table: Any) -> list[str]:
        """Sentences on what the table has and the training rows had not, as `Schema.news`.

        If there are several networks, it is what none of their training rows had.
        """
        return list(news_of_all([member.schema for member in self.members], table_of(table)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the input columns that any of the networks uses."""
        each = (column.name for member in self.members for column in member.schema.columns)
        return tuple(dict.fromkeys(each))

    def outputs(self, table: Any) -> Host:
        """Probabilities (N, K), or quantities (N, 1) in the target's unit, float64.

        Those of several targets are side by side.
        """
        found = table_of(table)
        starts = range(0, len(found), _BLOCK)
        blocks = (found.take(slice(start, start + _BLOCK)) for start in starts)
        each = [self._mean(b, (member.features(b) for member in self.members)) for b in blocks]
        return np.concatenate(each)

    def _mean(self, table: Table, Xs: Iterable[Host]) -> Host:
        """The mean of the members' outputs for their X, of which one at a time is needed."""
        each = (m.outputs(X, table) for m, X in zip(self.members, Xs, strict=True))
        return np.asarray(sum(each) / len(self.members))

    def _apart(self, outputs: Host) -> list[tuple[Target, Host]]:
        """Each single target with its columns of the outputs."""
        return apart(self.schema.target, outputs)

    def _classes(self) -> list[Classes]:
        """The single targets, which must be classes."""
        found = [target for target in self.schema.targets if isinstance(target, Classes)]
        if found:
            return found
        raise ValueError(f"{self._named_targets('is a quantity')}: it has no classes")

    def _named_targets(self, what: str) -> str:
        return " and ".join(f"{quoted(name)} {what}" for name in self.schema.target_names)

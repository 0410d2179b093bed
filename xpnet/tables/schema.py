"""The schema, which turns a table into X and Y, and outputs back into columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.errors import quoted, warn
from xpnet.files.jsonable import check_known, list_of, loads, mapping, text_of
from xpnet.layers import Embedding
from xpnet.tables.columns import KINDS, Column, Embedded, Number, OneHot, check_categories
from xpnet.tables.doubts import doubts_of_numbers, doubts_of_text
from xpnet.tables.given import dims_given, name_of, names_given, rows_given
from xpnet.tables.table import Table, check_table
from xpnet.tables.targets import TASKS, Quantity, Target, fit_target
from xpnet.typing import Host

__all__ = ["Schema"]

_VERSION = 1
_SINCE: frozenset[str] = frozenset()  # settings that files of an earlier xpnet lack


@dataclass(frozen=True)
class Schema:
    """A table's input columns and target, and how each becomes numbers.

    Attributes
    ----------
    columns : tuple of Number, OneHot and Embedded
        In the order of the columns of X.
    target : Classes or Quantity

    Examples
    --------
    >>> from xpnet.tables import Table
    >>> table = Table({"size": [1.0, 3.0], "colour": ["red", "blue"], "kind": ["x", "y"]})
    >>> schema = Schema.fit(table, "kind")
    >>> X, Y = schema.transform(table)
    >>> X.tolist(), Y.tolist()
    ([[-1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], [0, 1])
    """

    columns: tuple[Column, ...]
    target: Target

    @classmethod
    def fit(
        cls,
        table: Table,
        target: str,
        task: str | None = None,
        *,
        rows: Host | None = None,
        text: Iterable[str] = (),
        embed: Mapping[str, int | None] | None = None,
        ignore: Iterable[str] = (),
    ) -> Schema:
        """Make the schema of a table.

        Parameters
        ----------
        table : Table
        target : str
            The column to predict.
        task : {"classification", "regression"}, optional
            None: classification for text, and for whole numbers with at most 20 different values,
            each in 5 rows or more on average; regression otherwise.
        rows : (n,) int, optional
            The training rows, from which means and scales are computed. None: all.
        text : iterable of str
            Columns of numbers that are categories, such as codes or months.
        embed : mapping of str to int or None, optional
            Columns of categories, text or numbers, to embed instead of one-hot, and how many
            numbers represent a category. None: the root of the number of categories, rounded up,
            and 32 at most. `input_layers` returns the layer that learns them.
        ignore : iterable of str
            Columns to leave out.

        Raises
        ------
        ValueError, TypeError
            A column does not exist, a cell is missing or not of its column's kind, or the target
            has only one class. The message names the line and the column.

        Warns
        -----
        UserWarning
            A column of text looks like numbers or dates, or a few cells in a column of numbers are
            far from all others. There is one warning for each column.
        """
        text, ignore = names_given("text", text), names_given("ignore", ignore)
        embed = dims_given(embed)
        check_table(table)
        for name in sorted({name_of("the target", target), *text, *embed, *ignore}):
            table.require(name)
        if target in {*text, *embed, *ignore}:
            raise ValueError(
                f"{quoted(target)} is the target: it can't be left out, and task sets its kind"
            )
        names = [name for name in table.names if name != target and name not in ignore]
        if not names:
            raise ValueError(
                f"{table.source}: no column is left besides the target {quoted(target)}"
            )
        train = slice(None) if rows is None else rows_given(rows, len(table))

        def fitted(name: str) -> Column:
            if name in embed:
                if name not in text:
                    check_categories(table, name)
                return Embedded.fit(table, name, embed[name])
            kind = OneHot if name in text or table.is_text(name) else Number
            return kind.fit(table, name, train)

        columns = tuple(fitted(name) for name in names)
        schema = cls(columns, fit_target(table, target, task, train))
        for doubt in schema._doubts(table, {*text, *embed, *((target,) if task else ())}):
            warn(doubt)
        return schema

    def _doubts(self, table: Table, told: Set[str]) -> Iterator[str]:
        """Warnings of columns that are probably misread; text columns in ``told`` are skipped."""
        texts = [c.name for c in self.columns if isinstance(c, OneHot) and c.name not in told]
        yield from doubts_of_text(table, texts, "categories")
        target, numbers = self.target, [c.name for c in self.columns if isinstance(c, Number)]
        if isinstance(target, Quantity):
            numbers.append(target.name)
        elif target.name not in told and table.is_text(target.name):
            yield from doubts_of_text(table, [target.name], "classes")
        yield from doubts_of_numbers(table, numbers)

    @property
    def task(self) -> str:
        """Return "classification" or "regression"."""
        return self.target.task

    @property
    def width(self) -> int:
        """The number of columns of X."""
        return sum(column.width for column in self.columns)

    def input_layers(self) -> tuple[Embedding, ...]:
        """The layers a network must begin with: one `Embedding` if any column is embedded."""
        starts = accumulate((column.width for column in self.columns[:-1]), initial=0)
        found = [
            (c, at) for c, at in zip(self.columns, starts, strict=True) if isinstance(c, Embedded)
        ]
        if not found:
            return ()
        categories = [len(column.categories) for column, _ in found]
        dims = [column.dim for column, _ in found]
        return (Embedding(categories, dims, columns=[at for _, at in found]),)

    def transform(self, table: Table) -> tuple[Host, Host | None]:
        """Encode a table as X and Y; columns may be in any order, and extra ones are ignored.

        Returns
        -------
        X : (N, n) float64
        Y : (N,) int64 classes, (N, 1) float64, or None where the table lacks the target

        Raises
        ------
        ValueError
            A column is missing, a category or class is new, or a cell is bad.
        """
        has_target = self.target.name in check_table(table).columns
        return self.features(table), self.target.encode(table) if has_target else None

    def features(self, table: Table) -> Host:
        """Encode a table as X (N, n) float64 only; the target is ignored."""
        for column in self.columns:
            check_table(table).require(column.name)
        return np.concatenate([column.encode(table) for column in self.columns], axis=1)

    def predictions(self, outputs: Any) -> dict[str, Host]:
        """The network's outputs (N, n_L), of any array library, as named columns.

        The columns are ``prediction`` and, for classification, one ``probability_<class>`` for each
        class. Raises ValueError if the shape is wrong, or if outputs of classes have NaN, which
        would be predicted as the first class.
        """
        outputs = to_numpy(outputs)
        if outputs.ndim != 2 or outputs.shape[1] != self.target.width:
            raise ValueError(
                f"outputs must be (N, {self.target.width}) for the target "
                f"{quoted(self.target.name)}, got {outputs.shape}"
            )
        return self.target.predictions(outputs)

    def to_json(self) -> str:
        """The schema as one line of ASCII JSON, from which `from_json` makes an equal schema."""
        columns = [{"kind": c.kind, "name": c.name, **c.settings()} for c in self.columns]
        target = {"task": self.task, "name": self.target.name, **self.target.settings()}
        return json.dumps({"version": _VERSION, "columns": columns, "target": target})

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """The schema that `to_json` wrote.

        Raises
        ------
        ValueError
            It is not a schema, or not of the version that this xpnet reads.
        """
        found = mapping(loads(text), "the schema")
        if found.get("version") != _VERSION:  # `check_known` finds a wrong type, such as 1.0
            raise ValueError(
                f"the schema has version {quoted(found.get('version'))}, but this xpnet reads "
                f"{_VERSION}"
            )
        columns = [mapping(column, "a column") for column in list_of(found, "columns")]
        restored = tuple(_known(KINDS, column, "kind").restore(column) for column in columns)
        target = mapping(found.get("target"), "the target")
        schema = cls(restored, _known(TASKS, target, "task").restore(target))
        schema._check_names()
        check_known(dict(found), loads(schema.to_json()), "the schema", _SINCE)
        return schema

    def _check_names(self) -> None:
        names = [column.name for column in self.columns] + [self.target.name]
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError("the schema has no columns, or two with the same name")


def _known(kinds: Mapping[str, Any], found: Mapping[str, Any], key: str) -> Any:
    name = text_of(found, key)
    if name not in kinds:
        raise ValueError(f"{key} {quoted(name)} is unknown: {', '.join(kinds)}")
    return kinds[name]

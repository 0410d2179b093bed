"""The schema, which turns a table into X and Y, and outputs back into columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.errors import warn
from xpnet.files.jsonable import check_known, loads, mapping, names_of
from xpnet.layers import Embedding
from xpnet.tables.asked import Asked
from xpnet.tables.bounded import bins_for
from xpnet.tables.categorical import Codes
from xpnet.tables.given import (
    dims_given,
    names_given,
    notations_given,
    rows_given,
    targets_given,
    texts_given,
)
from xpnet.tables.moment import Moment
from xpnet.tables.numeric import Numeric
from xpnet.tables.several import AnyTarget, Targets
from xpnet.tables.table import Table, check_table, shown
from xpnet.tables.targets import Target, fit_targets
from xpnet.tables.version_1 import Embedded
from xpnet.tables.versions import OF_SEVERAL, VERSION, Column, columns_in, target_in, version_in
from xpnet.typing import Host

__all__ = ["Schema"]


@dataclass(frozen=True)
class Schema:
    """A table's input columns and target, and how each becomes numbers.

    Attributes
    ----------
    columns : tuple of Numeric, Categories, Codes and Moment
        In the order of the columns of X. Files of version 1 have Number, OneHot and Embedded.
    target : Classes, Quantity or Targets
        The last one holds two or more of the first, or of the second.
    holes : tuple of str
        Texts that mean a missing cell, beside the usual ones.
    version : int
        Of the JSON that `to_json` writes: 3 with several targets.

    Examples
    --------
    >>> from xpnet.tables import Table
    >>> table = Table({"size": [1.0, 3.0, None, 5.0], "kind": ["x", "y", "x", "y"]})
    >>> schema = Schema.fit(table, "kind")
    >>> X, Y = schema.transform(table)
    >>> X.round(3).tolist(), Y.tolist()  # bounded, and a flag for the hole
    ([[-0.949, 0.0], [0.0, 0.0], [0.0, 1.0], [0.949, 0.0]], [0, 1, 0, 1])
    """

    columns: tuple[Column, ...]
    target: AnyTarget
    holes: tuple[str, ...] = ()
    version: int = VERSION

    def __post_init__(self) -> None:
        if isinstance(self.target, Targets) != (self.version == OF_SEVERAL):
            raise ValueError(f"a schema has the version {OF_SEVERAL} if it has several targets")

    @classmethod
    def fit(
        cls,
        table: Table,
        target: str | Sequence[str],
        task: str | None = None,
        *,
        rows: Host | None = None,
        text: Iterable[str] = (),
        embed: Mapping[str, int | None] | None = None,
        ignore: Iterable[str] = (),
        read_as: Mapping[str, str] | None = None,
        missing: Iterable[str] = (),
        pieces: bool = False,
        log_target: bool = False,
        tell: Callable[[str], None] = warn,
    ) -> Schema:
        """Make the schema of a table.

        Parameters
        ----------
        table : Table
        target : str or list of str
            The column to predict, or several of one task.
        task : {"classification", "regression"}, optional
            None: classification for text, and for whole numbers with at most 20 different values,
            each in 5 rows or more on average; regression otherwise.
        rows : (n,) int, optional
            The training rows, from which everything is computed but the classes. None: all.
        text : iterable of str
            Columns of numbers that are categories, such as codes or months.
        embed : mapping of str to int or None, optional
            Columns of categories, text or numbers, to embed instead of one-hot, and how many
            numbers represent a category. None: the root of the number of categories, rounded up,
            and 32 at most. `input_layers` returns the layer that learns them.
        ignore : iterable of str
            Columns to leave out.
        read_as : mapping of str to str, optional
            How the cells of some columns are written, if it is recognised wrongly: a name of
            `xpnet.tables.notations.NAMES`, or "text".
        missing : iterable of str
            Texts that mean a missing cell, beside the usual ones.
        pieces : bool
            Whether numbers get piecewise linear columns too (`xpnet.tables.bounded`).
        log_target : bool
            Whether to predict the logarithm of a positive quantity. Errors then count as ratios,
            and a prediction is nearer to the quantity's median than to its mean.
        tell : function of str
            Called with a sentence for each column that is left out, since it has nothing to learn
            from. By default a UserWarning.

        Raises
        ------
        ValueError, TypeError
            A column does not exist, a cell is not of its column's kind, or the target is missing in
            a row or has only one class. The message names the line and the column.
        """
        check_table(table)
        targets = targets_given(target)
        asked = Asked(
            names_given("text", text),
            dims_given(embed),
            names_given("ignore", ignore),
            notations_given(read_as),
            texts_given("missing", missing),
            0,
            tell,
        )
        names = asked.inputs(table, targets)
        if pieces:
            n = len(table) if rows is None else len(rows)
            asked = asked._replace(bins=bins_for(n, len(names)))
        table = table.read_as(asked.read_as, asked.holes) if asked.read_as else table
        train = slice(None) if rows is None else rows_given(rows, len(table))
        columns = tuple(c for name in names if (c := asked.fitted(table, name, train)) is not None)
        if not columns:
            raise ValueError(f"{table.source}: no column has anything to learn from")
        fitted = fit_targets(table, targets, task, train, asked.holes, log_target)
        return cls(columns, fitted, asked.holes, VERSION if len(targets) == 1 else OF_SEVERAL)

    @property
    def task(self) -> str:
        """Return "classification" or "regression"."""
        return self.target.task

    @property
    def targets(self) -> tuple[Target, ...]:
        """Each single target."""
        return self.target.each

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns to predict."""
        return tuple(target.name for target in self.targets)

    @property
    def width(self) -> int:
        """The number of columns of X."""
        return sum(column.width for column in self.columns)

    @property
    def has_pieces(self) -> bool:
        """Whether any column of numbers or dates has piecewise linear columns."""
        rules = [c.rule for c in self.columns if isinstance(c, Numeric)]
        rules += [c.days for c in self.columns if isinstance(c, Moment)]
        return any(rule.knots for rule in rules)

    def input_layers(self) -> tuple[Embedding, ...]:
        """The layers a network must begin with: one `Embedding` if any column is embedded."""
        starts = accumulate((column.width for column in self.columns[:-1]), initial=0)
        pairs = zip(self.columns, starts, strict=True)
        found = [(c, at) for c, at in pairs if isinstance(c, (Embedded, Codes))]
        if not found:
            return ()
        categories = [column.n_codes for column, _ in found]
        dims = [column.dim for column, _ in found]
        return (Embedding(categories, dims, columns=[at for _, at in found]),)

    def transform(self, table: Table) -> tuple[Host, Host | None]:
        """Encode a table as X and Y; columns may be in any order, and extra ones are ignored.

        Returns
        -------
        X : (N, n) float64
        Y : (N,) int64 classes, or (N, 1) float64
            (N, T) for T targets; None where the table lacks a target.

        Raises
        ------
        ValueError
            A column is missing, a category or class is new, or a cell is bad.
        """
        has_target = set(self.target_names) <= check_table(table).columns.keys()
        return self.features(table), self.target.encode(table, self.holes) if has_target else None

    def features(
        self, table: Table, dtype: str = "float64", rows: Host | slice = slice(None)
    ) -> Host:
        """Encode rows of a table as X (n, width) only; the target is ignored."""
        for column in self.columns:
            check_table(table).require(column.name)
        n = len(np.arange(len(table))[rows])
        X, start = np.empty((n, self.width), dtype), 0
        for column in self.columns:
            X[:, start : start + column.width] = column.encode(table, self.holes)[rows]
            start += column.width
        return X

    def block(self, name: str) -> slice:
        """The columns of X that a column of the table makes; none if it is left out."""
        start = 0
        for column in self.columns:
            if column.name == name:
                return slice(start, start + column.width)
            start += column.width
        return slice(0, 0)

    def news(self, table: Table) -> Iterator[str]:
        """Sentences on what a table has and the training rows had not.

        These are new categories, holes in columns that had none, and cells far outside of the
        training range.
        """
        for column in self.columns:
            yield from column.news(table, self.holes)

    def input_names(self) -> tuple[str, ...]:
        """A name for each column of X."""
        return tuple(name for column in self.columns for name in column.names())

    def predictions(self, outputs: Any) -> dict[str, Host]:
        """The network's outputs (N, n_L), of any array library, as named columns.

        The columns are ``prediction`` and, for classification, one ``probability_<class>`` for each
        class. Of several targets they are ``prediction_<target>`` and
        ``probability_<target>_<class>``. Raises ValueError if the shape is wrong, or if outputs of
        classes have NaN, which would be predicted as the first class.
        """
        outputs = to_numpy(outputs)
        if outputs.ndim != 2 or outputs.shape[1] != self.target.width:
            raise ValueError(
                f"outputs must be (N, {self.target.width}) for the target "
                f"{shown(self.target_names)}, got {outputs.shape}"
            )
        return self.target.predictions(outputs)

    def to_json(self) -> str:
        """The schema as one line of ASCII JSON, from which `from_json` makes an equal schema."""
        columns = [{"kind": c.kind, "name": c.name, **c.settings()} for c in self.columns]
        each = [{"task": t.task, "name": t.name, **t.settings()} for t in self.targets]
        target = {"targets": each} if isinstance(self.target, Targets) else {"target": each[0]}
        found: dict[str, Any] = {"version": self.version, "columns": columns, **target}
        return json.dumps(found if self.version == 1 else {**found, "holes": list(self.holes)})

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """The schema that `to_json` wrote.

        Raises
        ------
        ValueError
            It is not a schema, or not of the version that this xpnet reads.
        """
        found = mapping(loads(text), "the schema")
        version = version_in(found)
        holes = () if version == 1 else tuple(names_of(found, "holes", 0))
        schema = cls(columns_in(found, version), target_in(found, version), holes, version)
        schema._check_names()
        check_known(dict(found), loads(schema.to_json()), "the schema")
        return schema

    def _check_names(self) -> None:
        names = [*(column.name for column in self.columns), *self.target_names]
        if not self.columns or len(set(names)) < len(names):
            raise ValueError("the schema has no columns, or two with the same name")

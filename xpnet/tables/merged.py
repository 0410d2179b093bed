"""Say what a table has that none of several networks was trained on.

Each network of a model was trained without other rows. So a cell is new to the model only if it is
new to all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from xpnet.tables.bounded import Bounded
from xpnet.tables.categorical import Categories, Codes
from xpnet.tables.moment import Moment
from xpnet.tables.numeric import Numeric
from xpnet.tables.schema import Schema
from xpnet.tables.table import Table

__all__ = ["foreign_to_all", "news_of_all"]


def news_of_all(schemas: Sequence[Schema], table: Table) -> Iterator[str]:
    """Sentences on what a table has and the training rows of all schemas had not."""
    for column in _columns(schemas):
        yield from column.news(table, schemas[0].holes)


def foreign_to_all(schemas: Sequence[Schema], table: Table) -> Iterator[str]:
    """The sentences of `news_of_all` on columns of text whose cells are mostly "other".

    Such a column is likely written in a different way than in the training rows.
    """
    for column in _columns(schemas):
        if isinstance(column, (Categories, Codes)):
            yield from column.news(table, schemas[0].holes, mostly=True)


def _columns(schemas: Sequence[Schema]) -> Iterator[Any]:
    """Each column of any schema, merged."""
    each: dict[str, list[Any]] = {}
    for column in chain.from_iterable(schema.columns for schema in schemas):
        each.setdefault(column.name, []).append(column)
    return map(_merged, each.values())


def _merged(columns: Sequence[Any]) -> Any:
    """A column that knows what any of these knows; it is for `news`, not to encode."""
    first = columns[0]
    alike = [column for column in columns if type(column) is type(first)]
    if isinstance(first, (Categories, Codes)):
        texts = chain.from_iterable(column.known for column in alike)
        return replace(first, known=tuple(dict.fromkeys(texts)))
    if not isinstance(first, (Numeric, Moment)):  # of version 1, when a file had one network
        return first
    flag = any(column.flag for column in alike)
    if isinstance(first, Moment):
        return replace(first, flag=flag, days=_widest([column.days for column in alike]))
    return replace(first, flag=flag, rule=_widest([column.rule for column in alike]))


def _widest(rules: Sequence[Bounded]) -> Bounded:
    """The first rule, with the range of all."""
    lowest, highest = min(rule.lowest for rule in rules), max(rule.highest for rule in rules)
    return replace(rules[0], lowest=lowest, highest=highest)

"""A user's table as a file or as a data frame."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.helpers import needed
from xpnet.tables import Schema, Table
from xpnet.tables.targets import Classes, Quantity
from xpnet.tables.version_1 import Embedded, Number, OneHot

MAKERS = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path to which a test may write its table."""
    return tmp_path / "t.csv"


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def frame_of(library: str, data: dict) -> object:
    """Return the data as a frame of a library, or skip the test."""
    needed("narwhals")
    return getattr(needed(library), MAKERS[library])(data)


def schema_refused(found: dict, where: tuple, value: object, said: str) -> None:
    """Check that a schema's JSON is refused with ``value`` in the place ``where``."""
    part = found
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    with pytest.raises(ValueError, match=re.escape(said)):
        Schema.from_json(json.dumps(found))


def schema_of_1(table: Table, target: str, embed: Mapping[str, int] | None = None) -> Schema:
    """The schema that xpnet made before schema version 2: standardised, one-hot, codes."""
    columns: list[Number | OneHot | Embedded] = []
    for name in table.names:
        if name == target:
            continue
        if not table.is_text(name):
            x = table.numbers(name)
            columns.append(Number(name, float(x.mean()), float(x.std()) or 1.0))
            continue
        categories = tuple(sorted(set(table.text(name))))
        if name in (embed or {}):
            columns.append(Embedded(name, categories, embed[name]))
        else:
            columns.append(OneHot(name, categories))
    if table.is_text(target):
        classes = Classes(target, tuple(sorted(set(table.text(target)))))
        return Schema(tuple(columns), classes, version=1)
    y = table.numbers(target)
    return Schema(tuple(columns), Quantity(target, float(y.mean()), float(y.std())), version=1)

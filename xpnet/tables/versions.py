"""The versions of a schema's JSON: the kinds of columns and targets that each may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from xpnet.errors import quoted
from xpnet.files.jsonable import list_of, mapping, text_of
from xpnet.tables.categorical import Categories, Codes
from xpnet.tables.moment import Moment
from xpnet.tables.numeric import Numeric
from xpnet.tables.several import AnyTarget, Target, Targets
from xpnet.tables.targets import TASKS
from xpnet.tables.version_1 import KINDS_OF_1, Embedded, Number, OneHot

__all__ = ["KINDS", "OF_SEVERAL", "VERSION", "Column", "columns_in", "target_in", "version_in"]

VERSION = 2  # with one target
OF_SEVERAL = 3  # version 2, with several targets

Column: TypeAlias = Numeric | Categories | Codes | Moment | Number | OneHot | Embedded
KINDS: dict[int, dict[str, Any]] = {
    1: {kind.kind: kind for kind in KINDS_OF_1},
    VERSION: {kind.kind: kind for kind in (Numeric, Categories, Codes, Moment)},
}
KINDS[OF_SEVERAL] = KINDS[VERSION]
"""The kinds of columns of each version."""


def version_in(found: Mapping[str, Any]) -> int:
    """The version of a schema's JSON; ValueError if this xpnet does not read it."""
    version = found.get("version")
    if type(version) is not int or version not in KINDS:
        raise ValueError(
            f"the schema has version {quoted(version)}, but this xpnet reads "
            f"{min(KINDS)} to {max(KINDS)}"
        )
    return version


def columns_in(found: Mapping[str, Any], version: int) -> tuple[Column, ...]:
    """The columns of a schema's JSON."""
    columns = [mapping(column, "a column") for column in list_of(found, "columns")]
    return tuple(_kind(KINDS[version], column, "kind").restore(column) for column in columns)


def target_in(found: Mapping[str, Any], version: int) -> AnyTarget:
    """The target, or the targets, of a schema's JSON."""

    def restored(given: Any) -> Target:
        found = mapping(given, "the target")
        target: Target = _kind(TASKS, found, "task").restore(found)
        return target

    if version != OF_SEVERAL:
        return restored(found.get("target"))
    return Targets(tuple(map(restored, list_of(found, "targets"))))


def _kind(kinds: Mapping[str, Any], found: Mapping[str, Any], key: str) -> Any:
    name = text_of(found, key)
    if name not in kinds:
        raise ValueError(f"{key} {quoted(name)} is unknown: {', '.join(kinds)}")
    return kinds[name]

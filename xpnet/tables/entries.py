"""The entries of a table's model in its file: schemas, and what is known of its errors, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from xpnet.errors import quoted
from xpnet.files.jsonable import check_known, list_of, loads, mapping, number_of
from xpnet.tables.schema import Schema
from xpnet.tables.targets import Quantity

__all__ = [
    "ESTIMATOR",
    "SCHEMA",
    "check_entries",
    "entries_of",
    "judgement_in",
    "schema_entry",
]

SCHEMA, MODEL, ESTIMATOR = "schema", "model", "estimator"
_NOTHING = (  # what files of one network may leave out
    '{"residuals": [], "score": {}, "cv_score": {}}'
)


def schema_entry(k: int) -> str:
    """The name of the entry with the k-th network's schema."""
    return SCHEMA if k == 0 else f"{SCHEMA}.{k}"


def entries_of(
    schemas: Sequence[Schema], judgement: Mapping[str, Any], estimator: str
) -> dict[str, str]:
    """The entries of a model: the schema of each network, and what `judgement_in` reads."""
    found = {schema_entry(k): schema.to_json() for k, schema in enumerate(schemas)}
    found[MODEL] = json.dumps(judgement, allow_nan=False)
    return found | ({ESTIMATOR: estimator} if estimator else {})


def check_entries(extra: Mapping[str, str], n: int) -> None:
    """Raise ValueError if a file of n networks has an entry that no model has."""
    for name in sorted(extra.keys() - {*map(schema_entry, range(n)), MODEL, ESTIMATOR}):
        raise ValueError(f"the entry {quoted(name)} is unknown")


def judgement_in(
    extra: Mapping[str, str], schemas: Sequence[Schema]
) -> tuple[tuple[Any, ...], dict[str, float], dict[str, float]]:
    """The residuals and the scores in a file, which one of one network may lack."""
    text = extra[MODEL] if len(schemas) > 1 else extra.get(MODEL, _NOTHING)
    about = mapping(loads(text), "the model")
    residuals = _residuals_in(list_of(about, "residuals"), schemas[0])
    score, cv_score = (
        {k: number_of(about[name], k) for k in mapping(about.get(name), name)}
        for name in ("score", "cv_score")
    )
    written = json.loads(json.dumps(residuals))
    check_known(dict(about), {"residuals": written, "score": score, "cv_score": cv_score})
    return residuals, score, cv_score


def _residuals_in(given: list[Any], schema: Schema) -> tuple[Any, ...]:
    """The residuals in a file: of one target, or of each."""
    T = len(schema.targets)
    if T == 1 or not given:
        return _sorted(given)
    if schema.task != Quantity.task or len(given) != T:
        raise ValueError(f"'residuals' must have a list for each of {T} quantities")
    return tuple(_sorted(list_of({"residuals": own}, "residuals")) for own in given)


def _sorted(given: list[Any]) -> tuple[float, ...]:
    """Residuals, checked to be sorted, and not negative."""
    found = tuple(number_of({"residuals": r}, "residuals") for r in given)
    if any(a > b for a, b in pairwise((0.0, *found))):
        raise ValueError("'residuals' must be sorted, and not negative")
    return found

"""A validator for the few words of JSON Schema that docs/checkpoint.schema.json uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_WORDS = {
    *("$schema", "title", "type", "enum", "const", "pattern", "minimum"),
    *("required", "properties", "additionalProperties", "items"),
}


def errors(schema: dict[str, Any], value: Any, where: str = "") -> Iterator[str]:
    """Yield what is wrong with the value; an unknown word in the schema is an error of the test."""
    assert not schema.keys() - _WORDS, schema.keys() - _WORDS
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{where}: {value!r} is none of {kinds}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], str(value)):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    if "minimum" in schema and value is not None and not value >= schema["minimum"]:
        yield f"{where}: {value!r} is below {schema['minimum']}"
    if isinstance(value, dict):
        yield from _of_object(schema, value, where)
    if isinstance(value, list):
        for k, each in enumerate(value):
            yield from errors(schema.get("items", {}), each, f"{where}[{k}]")


def _of_object(schema: dict[str, Any], value: dict[str, Any], where: str) -> Iterator[str]:
    for name in set(schema.get("required", ())) - value.keys():
        yield f"{where}: {name} is missing"
    others = schema.get("additionalProperties", {})
    for name, each in value.items():
        known = schema.get("properties", {}).get(name, others)
        if known is False:
            yield f"{where}: {name} is unknown"
        else:
            yield from errors(known, each, f"{where}.{name}")


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        number = int if kind == "integer" else (int, float)
        return isinstance(value, number) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])

"""Read JSON from untrusted files strictly, and check its parts."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from xpnet.errors import quoted

__all__ = [
    "check_depth",
    "check_known",
    "flag_of",
    "integer_of",
    "list_of",
    "loads",
    "mapping",
    "names_of",
    "number_of",
    "text_of",
]


def loads(text: str | bytes) -> Any:
    """The value of a JSON text; ValueError if a key repeats, where Python takes the last one."""
    try:
        text = text if isinstance(text, str) else text.decode("utf-8")
        return json.loads(text, object_pairs_hook=_once_each)
    except UnicodeDecodeError as error:
        raise ValueError(f"its JSON is not UTF-8, from byte {error.start} on") from error
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"it has text that is not JSON, from {at} on") from error
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def check_depth(value: Any, most: int) -> None:
    """Raise ValueError if a value of JSON has more than ``most`` levels of lists and objects."""
    level = [value]
    for _ in range(most + 1):
        level = [inner for each in level for inner in _inner(each)]
    if level:
        raise ValueError(f"its JSON is nested too deeply: more than {most} levels")


def _inner(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"its JSON has the key {quoted(twice)} more than once")
    return found


def check_known(
    found: Any, written: Any, where: str = "", since: Collection[str] = frozenset()
) -> None:
    """Check that ``found`` equals ``written``, today's output, in keys, values and types.

    Keys in ``since`` may be missing, since older files lack them.
    """
    here = where or "the settings"
    if type(found) is not type(written):
        raise ValueError(f"{here} must be {quoted(written)}, got {quoted(found)}")
    if isinstance(found, dict):
        _check_keys(found, written, here, since)
        for key, value in found.items():
            check_known(value, written[key], f"{where}.{key}" if where else key, since)
    elif isinstance(found, list):
        if len(found) != len(written):
            raise ValueError(f"{here} must have {len(written)} entries, got {len(found)}")
        for i, (value, known) in enumerate(zip(found, written, strict=True)):
            check_known(value, known, f"{where}[{i}]", since)
    elif found != written:
        raise ValueError(f"{here} must be {quoted(written)}, got {quoted(found)}")


def _check_keys(
    found: Mapping[str, Any], written: Mapping[str, Any], where: str, since: Collection[str]
) -> None:
    for key in sorted(found.keys() - written.keys()):
        raise ValueError(f"{where}: this version of xpnet has no setting {quoted(key)}")
    for key in sorted(written.keys() - found.keys() - set(since)):
        raise ValueError(f"{where}: the setting {quoted(key)} is missing")


def mapping(found: Any, what: str) -> Mapping[str, Any]:
    """``found``, checked to be a JSON object."""
    if not isinstance(found, dict):
        raise ValueError(f"{what} is not a JSON object, but {type(found).__name__}")
    return found


def _part(found: Mapping[str, Any], key: str) -> Any:
    if key not in found:
        raise ValueError(f"{key!r} is missing")
    return found[key]


def text_of(found: Mapping[str, Any], key: str) -> str:
    """``found[key]``, checked to be a string."""
    value = _part(found, key)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is not text: {quoted(value)}")
    return value


def number_of(found: Mapping[str, Any], key: str, above: float = -math.inf) -> float:
    """``found[key]`` as a float, checked to be finite and greater than ``above``."""
    value = _part(found, key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{key!r} is not a number: {quoted(value)}")
    if not (abs(value) <= sys.float_info.max and value > above):
        raise ValueError(f"{key!r} must be finite and greater than {above}: {quoted(value)}")
    return float(value)


def flag_of(found: Mapping[str, Any], key: str) -> bool:
    """``found[key]``, checked to be true or false."""
    value = _part(found, key)
    if not isinstance(value, bool):
        raise ValueError(f"{key!r} must be true or false: {quoted(value)}")
    return value


def integer_of(found: Mapping[str, Any], key: str, least: int, most: int | None = None) -> int:
    """``found[key]``, checked to be an integer from ``least`` to ``most``."""
    value = _part(found, key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{key!r} must be an integer of {least} or more: {quoted(value)}")
    if most is not None and value > most:
        raise ValueError(f"{key!r} must be an integer of {most} or less: {quoted(value)}")
    return value


def list_of(found: Mapping[str, Any], key: str) -> list[Any]:
    """``found[key]``, checked to be a list."""
    value = _part(found, key)
    if not isinstance(value, list):
        raise ValueError(f"{key!r} is not a list: {quoted(value)}")
    return value


def names_of(found: Mapping[str, Any], key: str, least: int) -> tuple[str, ...]:
    """``found[key]``, checked to be ``least`` or more different strings, none of them empty."""
    value = list_of(found, key)
    if not all(isinstance(name, str) and name for name in value) or len(set(value)) < len(value):
        raise ValueError(f"{key!r} must be different strings: {quoted(value)}")
    if len(value) < least:
        raise ValueError(f"{key!r} must have {least} or more entries: {quoted(value)}")
    return tuple(value)

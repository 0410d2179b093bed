"""Parts of a JSON text, checked: a model file comes from anywhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["integer_of", "list_of", "mapping", "names_of", "number_of", "text_of"]


def mapping(found: Any, what: str) -> Mapping[str, Any]:
    """An object of JSON."""
    if not isinstance(found, dict):
        raise ValueError(f"{what} is no JSON object, but {type(found).__name__}")
    return found


def _part(found: Mapping[str, Any], key: str) -> Any:
    if key not in found:
        raise ValueError(f"{key!r} is missing")
    return found[key]


def text_of(found: Mapping[str, Any], key: str) -> str:
    """A string."""
    value = _part(found, key)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is no text: {value!r}")
    return value


def number_of(found: Mapping[str, Any], key: str, above: float = -math.inf) -> float:
    """A finite number greater than ``above``."""
    value = _part(found, key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{key!r} is no number: {value!r}")
    if not (abs(value) <= sys.float_info.max and value > above):
        raise ValueError(f"{key!r} must be finite and greater than {above}: {value!r}")
    return float(value)


def integer_of(found: Mapping[str, Any], key: str, least: int) -> int:
    """An integer, at least so large."""
    value = _part(found, key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{key!r} must be an integer of {least} or more: {value!r}")
    return value


def list_of(found: Mapping[str, Any], key: str) -> list[Any]:
    """A list."""
    value = _part(found, key)
    if not isinstance(value, list):
        raise ValueError(f"{key!r} is no list: {value!r}")
    return value


def names_of(found: Mapping[str, Any], key: str, least: int) -> tuple[str, ...]:
    """At least so many different strings, none of them empty."""
    value = list_of(found, key)
    if not all(isinstance(name, str) and name for name in value) or len(set(value)) < len(value):
        raise ValueError(f"{key!r} must be different texts: {value!r}")
    if len(value) < least:
        raise ValueError(f"{key!r} must have {least} or more: {value!r}")
    return tuple(value)

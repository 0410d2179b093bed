"""Signatures of CuPy's functions, and a recorder of the calls that a module receives.

CuPy is mostly compiled by Cython, whose functions have their signature in the docstring's first
line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

__all__ = ["Call", "Recorder", "complaint", "signature"]

Call = tuple[str, int, tuple[str, ...]]
"""A path such as cupy.cuda.Event, the number of positional arguments, and the keywords."""

_UFUNC_KEYWORDS = {"out", "dtype", "casting", "where", "order", "subok"}
_PARAMETER = inspect.Parameter


def complaint(function: Any, n: int, keywords: tuple[str, ...]) -> str | None:
    """Return why a call does not fit; None if it does, or if no signature is known."""
    if hasattr(function, "nin"):  # a ufunc
        fits = function.nin <= n <= function.nargs and set(keywords) <= _UFUNC_KEYWORDS
        return None if fits else f"a ufunc of {function.nin} inputs"
    known = signature(function)
    try:
        if known is not None:
            known.bind(*range(n), **dict.fromkeys(keywords))
    except TypeError as error:
        return f"{error}: {known}"
    return None


def signature(function: Any) -> inspect.Signature | None:
    """Return the signature, without self; None if it is not known."""
    try:
        found = inspect.signature(function)
        if list(found.parameters) != ["args", "kwargs"]:
            return _without_self(found)
    except (TypeError, ValueError):
        pass
    for documented in (function, getattr(function, "__init__", None)):
        first = (getattr(documented, "__doc__", None) or "").strip().split("\n")[0]
        if match := re.match(r"[\w.]+\((.*)\)", first):
            return _parsed(match[1])
    return None


def _without_self(found: inspect.Signature) -> inspect.Signature:
    return found.replace(parameters=[p for p in found.parameters.values() if p.name != "self"])


def _parsed(text: str) -> inspect.Signature | None:
    """Return the signature that Cython writes as "int x, y=None, *, z=1"."""
    parameters, kind = [], _PARAMETER.POSITIONAL_OR_KEYWORD
    for part in re.split(r",(?![^()\[\]]*[)\]])", text):
        name, has_default, _ = part.strip().partition("=")
        if name.startswith("**"):
            parameters.append(_PARAMETER("kwargs", _PARAMETER.VAR_KEYWORD))
        elif name == "*":
            kind = _PARAMETER.KEYWORD_ONLY
        elif name.startswith("*"):
            parameters.append(_PARAMETER("args", _PARAMETER.VAR_POSITIONAL))
            kind = _PARAMETER.KEYWORD_ONLY
        elif name == "/":
            only = _PARAMETER.POSITIONAL_ONLY
            parameters = [p.replace(kind=only) for p in parameters]
        elif name and name.split()[-1] != "self":
            default = None if has_default else _PARAMETER.empty
            parameters.append(_PARAMETER(name.split()[-1].lstrip("*&"), kind, default=default))
    try:
        return inspect.Signature(parameters)
    except ValueError:  # a default before a parameter without one
        return None


class Recorder:
    """A module through which every attribute and call is noted in ``calls``."""

    def __init__(self, of: Any, path: str, calls: set[Call]) -> None:
        vars(self).update(_of=of, _path=path, _calls=calls)

    def __getattr__(self, name: str) -> Any:
        value, path = getattr(self._of, name), f"{self._path}.{name}"
        if isinstance(value, (ModuleType, SimpleNamespace)):
            return Recorder(value, path, self._calls)
        if name.startswith("__") or not callable(value) or isinstance(value, type):
            return value
        return self._noted(value, path)

    def _noted(self, function: Callable[..., Any], path: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            self._calls.add((path, len(arguments), tuple(sorted(keywords))))
            return function(*arguments, **keywords)

        return call

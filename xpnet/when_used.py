"""Import parts of a package when they are first used, so that the package itself loads fast."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

from xpnet.errors import quoted

__all__ = ["when_used"]


def when_used(
    package: str, modules: Collection[str], places: Mapping[str, str]
) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that imports these names when first used (PEP 562).

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    modules : collection of str
        Its modules.
    places : mapping of str to str
        For each function or class, the module that defines it, such as ``{"load": "files.load"}``.
        Once imported it is an ordinary attribute.
    """

    def imported(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {quoted(name)}")
        found = getattr(import_module(f"{package}.{places[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return imported

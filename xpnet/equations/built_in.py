"""Which objects are xpnet's own: those that it has made, known by identity.

A name or a ``config`` proves nothing. `dataclasses.replace` copies both, so a variant of a built-in
loss has them beside the user's function. What xpnet makes is therefore registered where it is made;
everything else is a user's own, whose functions may change their result from one fit to the next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakValueDictionary

__all__ = ["NotBuiltInError", "built_in", "is_built_in", "is_known", "one_of_each", "value_key"]

T = TypeVar("T")

_MADE: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Every object of xpnet's own by its id, as long as somebody has it."""


def built_in(thing: T) -> T:
    """Register ``thing`` as xpnet's own, and return it."""
    _MADE[id(thing)] = thing
    return thing


def is_built_in(thing: Any) -> bool:
    """Whether xpnet made this very object."""
    return thing is not None and _MADE.get(id(thing)) is thing


def one_of_each(make: Callable[..., T]) -> Callable[..., T]:
    """A maker that gives the same object again for the same settings, while somebody has it.

    Without that, every loss of a search over its settings would stay for ever.
    """
    made: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()

    @wraps(make)
    def find(*settings: Any) -> T:
        found: T | None = made.get(settings)
        if found is None:  # another thread may make it too: the first one counts
            found = made.setdefault(settings, make(*settings))
        return found

    return find


class NotBuiltInError(Exception):
    """A value that is not xpnet's own, nor a plain number or text."""


def value_key(x: Any) -> Any:
    """What makes equal values, and only those, equal: each with its type.

    As tuples, two optimizers with the same settings are equal.

    Raises
    ------
    NotBuiltInError
        A part of it is a user's own.
    """
    if isinstance(x, tuple) and _is_built_in_type(type(x)):
        return (type(x), *map(value_key, x))
    if x is None or type(x) in (bool, int, str):
        return type(x), x
    if type(x) is float:
        return x.hex()  # −0.0 is not 0.0
    if is_built_in(x):
        return x
    raise NotBuiltInError


def is_known(x: Any) -> bool:
    """Whether all of it is xpnet's own, or plain numbers and text: what never changes."""
    try:
        value_key(x)
    except NotBuiltInError:
        return False
    return True


def _is_built_in_type(kind: type) -> bool:
    """Whether it is a tuple, or a class that stands in a module of xpnet.

    A class that a user derives, or that ``exec`` defines, is none, whatever its ``__module__``.
    """
    if kind is tuple:
        return True
    named = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None)
    return kind.__module__.partition(".")[0] == "xpnet" and named is kind

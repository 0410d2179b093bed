"""Tell xpnet's own objects from a user's, by identity.

A name or a ``config`` proves nothing: `dataclasses.replace` copies both, so a variant of a built-in
loss has them together with the user's function. xpnet therefore registers every object it makes.
All other objects are a user's own; their functions may give different results in the next fit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from xpnet.ranges import PlainSettings

__all__ = ["NotBuiltInError", "built_in", "is_built_in", "is_known", "one_of_each", "value_key"]

T = TypeVar("T")

_MADE: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Every object of xpnet's own, by its id, for as long as it is referenced elsewhere."""


def built_in(thing: T) -> T:
    """Register ``thing`` as xpnet's own, and return it."""
    _MADE[id(thing)] = thing
    return thing


def is_built_in(thing: Any) -> bool:
    """Whether xpnet made this very object."""
    return thing is not None and _MADE.get(id(thing)) is thing


def one_of_each(make: Callable[..., T]) -> Callable[..., T]:
    """Wrap ``make`` to return the same object for the same settings while it is referenced.

    Its references are weak: otherwise a search over settings would keep every loss forever.
    """
    made: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()

    @wraps(make)
    def find(*settings: Any) -> T:
        found: T | None = made.get(settings)
        if found is None:  # if two threads make it at once, the first object is kept
            found = made.setdefault(settings, make(*settings))
        return found

    return find


class NotBuiltInError(Exception):
    """A value is neither xpnet's own nor a plain number or text."""


def value_key(x: Any) -> Any:
    """Return a key that is equal only for equal values of the same type.

    Plain tuples ignore the type: two different optimizers with the same settings compare equal.

    Raises
    ------
    NotBuiltInError
        A part of x is a user's own.
    """
    if isinstance(x, (tuple, PlainSettings)) and _is_built_in_type(type(x)):
        parts = x if isinstance(x, tuple) else x._asdict().values()
        return (type(x), *map(value_key, parts))
    if x is None or type(x) in (bool, int, str):
        return type(x), x
    if type(x) is float:
        return x.hex()  # −0.0 is not 0.0
    if is_built_in(x):
        return x
    raise NotBuiltInError


def is_known(x: Any) -> bool:
    """Whether every part of x is xpnet's own or a plain number or text, which never change."""
    try:
        value_key(x)
    except NotBuiltInError:
        return False
    return True


def _is_built_in_type(kind: type) -> bool:
    """Whether ``kind`` is `tuple` or a class defined in a module of xpnet.

    Classes derived by a user or defined by ``exec`` do not count, whatever their ``__module__``.
    """
    if kind is tuple:
        return True
    named = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None)
    return kind.__module__.partition(".")[0] == "xpnet" and named is kind

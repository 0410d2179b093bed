"""Remember the programs that this process has written: writing one takes milliseconds.

A program is remembered by what it was recorded from, if all of that belongs to xpnet: plain values,
and losses and activations that never change. A user-defined function may read a global that differs
in the next fit, so its step is recorded anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from xpnet.equations.built_in import NotBuiltInError, value_key

__all__ = ["remembered"]

T = TypeVar("T")

_MANY = 64
_programs: dict[Any, Any] = {}


def remembered(recorded_from: tuple[Any, ...], make: Callable[[], T]) -> T:
    """Return the result of ``make()``; for values seen before, the earlier result."""
    try:
        key = value_key(recorded_from)
    except NotBuiltInError:
        return make()
    made: T | None = _programs.get(key)  # read once: another thread's fit may clear them
    if made is None:
        made = make()
        if len(_programs) >= _MANY:
            _programs.clear()
        _programs[key] = made
    return made

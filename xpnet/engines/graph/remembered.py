"""Programs that this process has written already: recording and writing a step takes milliseconds.

A program is remembered by what it was recorded from, where all of that is this package's own: plain
values, and losses and activations that never change. Another's function may look at a global that
is not the same in the next fit, so its step is recorded anew.
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
    """What ``make`` returns, or has returned for the same values."""
    try:
        key = value_key(recorded_from)
    except NotBuiltInError:
        return make()
    made: T | None = _programs.get(key)  # once: a fit in another thread may clear them any time
    if made is None:
        made = make()
        if len(_programs) >= _MANY:
            _programs.clear()
        _programs[key] = made
    return made

"""Check the shapes and dtypes of what a user's own function returns.

A loss of a shape other than (N,) would be broadcast, and train silently on something else. These
checks compare only shapes and dtypes: that is cheap compared to a step's arithmetic and waits for
no device. So they run wherever the functions are called: in every engine, and while a step is
recorded for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from xpnet.errors import quoted
from xpnet.typing import Array

__all__ = [
    "ReturnedError",
    "array_like",
    "arrays_like",
    "equal",
    "is_users",
    "pair",
    "suppress_all_but",
]


class ReturnedError(ValueError):
    """A user's own function returned something other than it must."""


def pair(whose: object, found: Any, wanted: str) -> tuple[Array, Array]:
    """Return ``found`` as two values, such as (losses, derivative)."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise ReturnedError(f"{_name(whose)} must return a pair {wanted}, got {_told(found)}")
    return found[0], found[1]


def array_like(whose: object, what: str, found: Any, shape: Sequence[Any], dtype: Any) -> Array:
    """Return ``found``, which must be an array of that shape and dtype."""
    if type(found) is np.ndarray and found.shape == shape and found.dtype == dtype:
        return found  # fast path: in small steps the checks below take noticeable time
    if not (hasattr(found, "shape") and hasattr(found, "dtype") and equal(found.shape, shape)):
        raise ReturnedError(
            f"{_name(whose)} must return {what} of the shape {tuple(shape)}, got {_told(found)}"
        )
    if found.dtype != dtype:
        raise ReturnedError(
            f"{_name(whose)} must return {what} of dtype {dtype}, as it was given, got "
            f"{found.dtype}: use Python numbers, and convert arrays with xp.astype"
        )
    return found


def arrays_like(whose: object, what: str, found: Any, templates: Sequence[Any]) -> None:
    """Check for one array per template, of its shape and dtype."""
    if not isinstance(found, (tuple, list)) or len(found) != len(templates):
        raise ReturnedError(
            f"{_name(whose)} must return a tuple of {len(templates)} {what}, got {_told(found)}"
        )
    for k, (each, like) in enumerate(zip(found, templates, strict=True)):
        array_like(whose, f"{what}[{k}]", each, like.shape, like.dtype)


def equal(a: Sequence[Array], b: Sequence[Array]) -> bool:
    """Whether two shapes are the same; a recorded length, not yet known, equals only itself."""
    if len(a) != len(b):
        return False
    for x, y in zip(a, b, strict=True):
        if x is not y and not (isinstance(x, int) and isinstance(y, int) and x == y):
            return False
    return True


@contextmanager
def suppress_all_but(kind: type[Exception]) -> Iterator[None]:
    """Suppress every `Exception` except those of that kind."""
    try:
        yield
    except kind:
        raise
    except Exception:
        return


def is_users(thing: object) -> bool:
    """Whether its class is a user's own; xpnet's own layers and optimizers need no checks."""
    kind: Any = type(thing)
    return _is_users_class(kind)


@lru_cache(maxsize=256)  # called twice a step for every layer
def _is_users_class(kind: type) -> bool:
    return not kind.__module__.startswith("xpnet.")


def _name(whose: object) -> str:
    return whose if isinstance(whose, str) else quoted(whose, 100)


def _told(found: Any) -> str:
    """A value in words: an array by its shape."""
    if hasattr(found, "shape") and hasattr(found, "dtype"):
        return f"the shape {tuple(found.shape)}"
    if isinstance(found, (tuple, list)):
        return f"a {type(found).__name__} of {len(found)}"
    return quoted(found, 100)

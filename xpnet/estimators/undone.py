"""A fit that raises leaves the estimator as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["undone_on_error"]

Method = TypeVar("Method", bound=Callable[..., Any])


def undone_on_error(method: Method) -> Method:
    """Decorate a method of an estimator: an error restores all that it had before the call.

    A second Ctrl-C, a KeyboardInterrupt, undoes nothing: the epochs that are complete stay.
    """

    @wraps(method)
    def run(estimator: Any, *args: Any, **keywords: Any) -> Any:
        before = _Before(estimator)
        try:
            return method(estimator, *args, **keywords)
        except Exception:
            before.restore()
            raise

    return run  # type: ignore[return-value]


class _Before:
    """The attributes of an estimator and of the objects that a fit changes in place.

    Arrays are not copied: a fit replaces them.
    """

    def __init__(self, estimator: Any) -> None:
        own = vars(estimator)
        rate, weights = own.get("_optimizer"), own.get("_weights")
        parts = (estimator, weights, getattr(weights, "state", None), rate, rate and rate.carried)
        self._each = [(part, vars(part).copy()) for part in parts if part is not None]
        self._lists = [(value, value[:]) for value in own.values() if isinstance(value, list)]

    def restore(self) -> None:
        for part, attributes in self._each:
            vars(part).clear()
            vars(part).update(attributes)
        for value, entries in self._lists:
            value[:] = entries

"""Checks of settings that are numbers, with the name of the setting in the message.

NumPy's scalars are numbers too, of whatever width; a truth value is none.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from xpnet.errors import quoted

__all__ = [
    "MOST",
    "Kind",
    "check_count",
    "check_flag",
    "check_fraction",
    "check_learning_rate",
    "check_not_negative",
    "check_positive",
    "check_positive_integer",
    "instance",
    "is_count",
    "is_finite",
    "is_number",
    "items",
    "takes",
]

MOST = 2**63 - 1  # of what counts anything


class Kind:
    """Settings that are tuples: plain numbers, and equality that knows the class.

    As tuples, Nadam(0.1) and RAdam(0.1) are equal, and a library that keeps compiled steps by their
    settings would run the one as the other (`jax.jit` does, for a tuple within a tuple).
    """

    __slots__ = ()

    def __new__(cls, *settings: Any) -> Self:
        """Settings of plain Python: a NumPy number is none that every array library multiplies."""
        return super().__new__(cls, *map(_plain, settings))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and bool(tuple.__eq__(self, other))  # type: ignore[operator]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), tuple.__hash__(self)))  # type: ignore[arg-type]

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What copies and pickles call the class with: some settings are keywords only."""
        return (), self._asdict()  # type: ignore[attr-defined]

    def _replace(self, **changes: Any) -> Self:
        """The same with other settings, which are checked as those of a new object are."""
        return type(self)(**{**self._asdict(), **changes})  # type: ignore[attr-defined]

    __replace__ = _replace


def _plain(value: Any) -> Any:
    """A number of another kind as Python's own; everything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    return (
        float(value) if isinstance(value, Real) and not isinstance(value, (int, float)) else value
    )


def check_learning_rate(value: Any) -> None:
    """A finite number ≥ 0, or a schedule: a function of the step."""
    if isinstance(value, type):
        raise TypeError(
            f"learning_rate must be a number or a schedule, got the class {quoted(value)}"
        )
    if not callable(value):
        check_not_negative("learning_rate", value)
    elif not takes(value, 1):
        raise TypeError(
            f"learning_rate must be a number or a schedule, a function of the step, got "
            f"{quoted(value)}"
        )


def takes(function: Any, n: int) -> bool:
    """Whether a function can be called with n values by place, as far as Python knows."""
    try:
        inspect.signature(function).bind(*[None] * n)
    except TypeError:
        return False
    except ValueError:  # of a function written in C
        return True
    return True


def check_not_negative(name: str, value: Any) -> None:
    """A finite number ≥ 0."""
    if not is_finite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number ≥ 0, got {quoted(value)}")


def check_positive(name: str, value: Any) -> None:
    """A finite number > 0."""
    if not is_finite(value) or value <= 0:
        raise ValueError(f"{name} must be a finite number > 0, got {quoted(value)}")


def check_fraction(name: str, value: Any) -> None:
    """A number in [0, 1)."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {quoted(value)}")


def is_number(value: object) -> bool:
    """Whether it is a real number."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Whether it is a real number that a float can hold."""
    try:
        return is_number(value) and math.isfinite(value)
    except (OverflowError, ValueError, TypeError):  # such as an integer of more than 308 digits
        return False


def is_count(value: Any, least: int = 0) -> bool:
    """Whether it is an integer of ``least`` or more, and of 64 bits."""
    integer = isinstance(value, Integral) and not isinstance(value, bool)
    return integer and least <= int(value) <= MOST


def check_count(name: str, value: Any) -> None:
    """An integer ≥ 0."""
    if not is_count(value):
        raise ValueError(f"{name} must be an integer ≥ 0, got {quoted(value)}")


def check_positive_integer(name: str, value: Any) -> None:
    """An integer ≥ 1."""
    if not is_count(value, 1):
        raise ValueError(f"{name} must be an integer ≥ 1, got {quoted(value)}")


def check_flag(name: str, value: Any, *, may_be_open: bool = False) -> bool | None:
    """``value`` as True or False, or None where that may be left open.

    Raises
    ------
    ValueError
        Anything else: a text such as "no" would count as true.
    """
    if may_be_open and value is None:
        return None
    if type(value).__name__ not in ("bool", "bool_"):
        known = "True, False or None" if may_be_open else "True or False"
        raise ValueError(f"{name} must be {known}, got {quoted(value)}")
    return bool(value)


def instance(name: str, value: Any, kind: type, example: str) -> Any:
    """``value``, which must be None or of that class."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be one such as {example}, got {quoted(value)}")
    return value


def items(what: str, given: Any) -> list[Any]:
    """The entries of a sequence that a user gives; ``what`` says what they must be.

    Raises
    ------
    TypeError
        Text, a mapping, or anything that has no entries one after another.
    """
    try:
        is_scalar = getattr(given, "ndim", None) == 0
        if not isinstance(given, (str, bytes, Mapping)) and not is_scalar:
            return list(given)
    except Exception as error:  # of whatever library it comes from
        raise TypeError(f"{what}, got {quoted(given)}") from error
    raise TypeError(f"{what}, got {quoted(given)}")

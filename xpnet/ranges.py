"""Checks of numeric settings; the messages name the setting.

NumPy scalars of any width count as numbers; truth values do not.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from xpnet.errors import quoted
from xpnet.pickles import made_by

__all__ = [
    "MOST",
    "PlainSettings",
    "check_count",
    "check_flag",
    "check_fraction",
    "check_learning_rate",
    "check_not_negative",
    "check_positive",
    "instance",
    "is_choice",
    "is_count",
    "is_finite",
    "is_number",
    "items",
    "positive_integer",
    "takes",
]

MOST = 2**63 - 1  # largest value of any count


class PlainSettings:
    """A base for settings: frozen dataclasses of plain Python values, checked when they are made.

    Equality of dataclasses is by class too. A library that caches compiled steps by their settings,
    as `jax.jit` does, therefore never runs Nadam(0.1) in place of RAdam(0.1).

    The dataclasses have slots: a copy holds the settings alone, and would lose other attributes.
    `dataclasses` makes a class with slots twice, so methods call ``Base.method(self)`` and not
    ``super()``.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        """Check the settings, and make them plain: not every library multiplies by NumPy's."""
        self._check()
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            if field.init:
                value = _plain(getattr(self, field.name), field.type == "float")
                object.__setattr__(self, field.name, value)

    def _check(self) -> None:
        """Raise if a setting has a value that it cannot have."""

    def _asdict(self) -> dict[str, Any]:
        """The settings by name, in their order."""
        own = fields(self)  # type: ignore[arg-type]  # every subclass is a dataclass
        return {field.name: getattr(self, field.name) for field in own if field.init}

    def _replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, as by `dataclasses.replace`."""
        return type(self)(**{**self._asdict(), **changes})

    def __reduce__(self) -> Any:
        return made_by(type(self), **self._asdict())  # so copies and pickles are checked too


def _plain(value: Any, as_float: bool) -> Any:
    """A number as Python's int or float, so that equal settings are one key; others unchanged."""
    if isinstance(value, np.generic):
        value = value.item()
    if not is_number(value):
        return value
    return int(value) if isinstance(value, Integral) and not as_float else float(value)


def check_learning_rate(value: Any) -> None:
    """Check that it is a finite number ≥ 0, or a schedule: a function of the step.

    Raises
    ------
    TypeError
        It is neither a number nor a schedule.
    ValueError
        It is a negative or infinite number, or NaN.
    """
    what = "learning_rate must be a number or a schedule"
    if isinstance(value, type):
        raise TypeError(f"{what}, got the class {quoted(value)}")
    if callable(value):
        if not takes(value, 1):
            raise TypeError(f"{what}, a function of the step, got {quoted(value)}")
    elif not is_number(value):
        raise TypeError(f"{what}, got {quoted(value)}")
    else:
        check_not_negative("learning_rate", value)


def takes(function: Any, n: int) -> bool:
    """Whether a function takes n positional arguments; True if Python cannot tell."""
    try:
        inspect.signature(function).bind(*[None] * n)
    except TypeError:
        return False
    except ValueError:  # a function written in C
        return True
    return True


def check_not_negative(name: str, value: Any) -> None:
    """Check that it is a finite number ≥ 0."""
    if not is_finite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number ≥ 0, got {quoted(value)}")


def check_positive(name: str, value: Any) -> None:
    """Check that it is a finite number > 0."""
    if not is_finite(value) or value <= 0:
        raise ValueError(f"{name} must be a finite number > 0, got {quoted(value)}")


def check_fraction(name: str, value: Any) -> None:
    """Check that it is a number in [0, 1)."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {quoted(value)}")


def is_number(value: object) -> bool:
    """Whether it is a real number."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Whether it is a real number that a float can hold."""
    try:
        return is_number(value) and math.isfinite(value)
    except (OverflowError, ValueError, TypeError):  # such as an integer of over 308 digits
        return False


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_count(value: Any, least: int = 0) -> bool:
    """Whether it is an integer from ``least`` to `MOST`."""
    return _is_integer(value) and least <= int(value) <= MOST


def is_choice(value: object, choices: Collection[str]) -> bool:
    """Whether it is one of those names."""
    return isinstance(value, str) and value in choices


def check_count(name: str, value: Any) -> None:
    """Check that it is an integer ≥ 0."""
    if not is_count(value):
        raise ValueError(f"{name} must be an integer ≥ 0, got {quoted(value)}")


def positive_integer(name: str, value: Any) -> int:
    """``value`` as an int, from 1 to `MOST`.

    Raises
    ------
    TypeError
        It is not an integer.
    ValueError
        It is an integer out of this range.
    """
    if not _is_integer(value):
        raise TypeError(f"{name} must be a positive integer, got {quoted(value)}")
    if not is_count(value, 1):
        more = "" if value < 1 else f"at most {MOST}, "
        raise ValueError(f"{name} must be a positive integer, {more}got {quoted(int(value))}")
    return int(value)


def check_flag(name: str, value: Any, *, may_be_open: bool = False) -> bool | None:
    """``value`` as True or False; None is allowed if ``may_be_open``.

    Raises
    ------
    ValueError
        ``value`` is anything else. Text such as "no" would count as true.
    """
    if may_be_open and value is None:
        return None
    if type(value).__name__ not in ("bool", "bool_"):
        known = "True, False or None" if may_be_open else "True or False"
        raise ValueError(f"{name} must be {known}, got {quoted(value)}")
    return bool(value)


def instance(name: str, value: Any, kind: type, example: str) -> Any:
    """``value``, which must be None or an instance of ``kind``."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be one such as {example}, got {quoted(value)}")
    return value


def items(what: str, given: Any) -> list[Any]:
    """The entries of a user's sequence, as a list; ``what`` says what it must be.

    Raises
    ------
    TypeError
        It is text, a mapping, a scalar, or not iterable.
    """
    try:
        is_scalar = getattr(given, "ndim", None) == 0
        if not isinstance(given, (str, bytes, Mapping)) and not is_scalar:
            return list(given)
    except Exception as error:  # any class: the library is unknown
        raise TypeError(f"{what}, got {quoted(given)}") from error
    raise TypeError(f"{what}, got {quoted(given)}")

"""The losses of a fit's steps as a sequence that takes 8 bytes a number.

A list of floats takes 32 bytes for each: an address, and an object behind it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, MutableSequence
from typing import Any

import numpy as np

from xpnet.typing import Host

__all__ = ["StepLosses"]


class StepLosses(MutableSequence[Any]):
    """Losses that are used like a list of float; for a stack, like a list of lists of R numbers.

    Copies and pickles of it are lists. Two are equal if their numbers are, NaN to NaN too.

    Parameters
    ----------
    values : iterable of float, or of list of float, default ()
        All with the same length.
    """

    __slots__ = ("_numbers", "_width")
    __hash__ = None  # type: ignore[assignment]  # it changes, as a list does

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._numbers = array("d")
        self._width: int | None = None  # of a stack's rows; None for numbers
        self.extend(values)

    def __len__(self) -> int:
        return len(self._numbers) // (self._width or 1)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return StepLosses(self._rows()[index])
        if self._width is None:
            return self._numbers[index]
        return self._rows()[index].tolist()

    def __setitem__(self, index: Any, value: Any) -> None:
        values = self.tolist()
        values[index] = value
        self._replace(values)

    def __delitem__(self, index: Any) -> None:
        values = self.tolist()
        del values[index]
        self._replace(values)

    def insert(self, index: int, value: Any) -> None:
        """Insert a step's loss before ``index``."""
        if index < len(self):
            self[index:index] = [value]
        else:
            self.extend([value])

    def append(self, value: Any) -> None:
        """Append a step's loss."""
        if self._width is None and np.ndim(value) == 0:
            self._numbers.append(value)
        else:
            self.extend([value])

    def extend(self, values: Iterable[Any]) -> None:
        """Append the losses of steps: numbers, or an array (S,), or (S, R) for a stack.

        Raises
        ------
        TypeError
            They are not all numbers.
        ValueError
            They have a different shape from those before.
        """
        new = _matrix(values)
        if not len(new):
            return
        width = new.shape[1] if new.ndim == 2 else None
        if self._numbers and width != self._width:
            raise ValueError(
                f"the losses of a step must be like those before, got {_said(width)} "
                f"after {_said(self._width)}"
            )
        self._width = width
        self._numbers.frombytes(np.ascontiguousarray(new).tobytes())

    def tolist(self) -> list[Any]:
        """Return the losses as a list of float, or of lists for a stack."""
        found: list[Any] = self._rows().tolist()
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Host:
        if copy is False:
            raise ValueError("an array of a history's losses is always a copy")
        return np.array(self._rows(), dtype=dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StepLosses | list | tuple):
            return NotImplemented
        try:
            return np.array_equal(self._rows(), _matrix(other), equal_nan=True)
        except (TypeError, ValueError):  # not numbers
            return False

    def __add__(self, other: Any) -> list[Any]:
        return self.tolist() + list(other)

    def __radd__(self, other: Any) -> list[Any]:
        return list(other) + self.tolist()

    def __repr__(self) -> str:
        return repr(self.tolist())

    def __reduce__(self) -> Any:
        return list, (self.tolist(),)

    def _rows(self) -> Host:
        """Return the numbers (S,) or (S, R), in the same memory: use it before the next change."""
        flat = np.frombuffer(self._numbers, np.float64)
        return flat if self._width is None else flat.reshape(-1, self._width)

    def _replace(self, values: list[Any]) -> None:
        new = StepLosses(values)
        self._numbers, self._width = new._numbers, new._width


def _matrix(values: Iterable[Any]) -> Host:
    """Return numbers (S,) or rows (S, R) as float64."""
    found = np.asarray(values if isinstance(values, np.ndarray | StepLosses) else list(values))
    if found.dtype.kind not in "iubf" or found.ndim > 2:
        raise TypeError("the losses of steps must be numbers, or a list of numbers for each")
    return found.astype(np.float64, copy=False)


def _said(width: int | None) -> str:
    return "a number" if width is None else f"{width} numbers"

"""Arrays that refuse what a compiled program must not do, for programs run as plain Python.

An index outside, a negative one, a part that is longer than the array, and an entry that is read
before anybody wrote it are errors. What nobody wrote holds a *poison*: a NaN with bits of its own,
or an integer that no program comes to. Whatever reads memory by other means (numba, g++) meets the
same numbers, and shows them in its results.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "POISON",
    "Guarded",
    "check_all_written",
    "guarded",
    "is_unwritten",
    "operand",
    "poisoned",
]

_BITS = {4: 0x7FC5A5A5, 8: 0x7FF85A5A5A5A5A5A}  # of quiet NaNs
POISON = {
    np.dtype("float32"): np.array(_BITS[4], np.uint32).view(np.float32)[()],
    np.dtype("float64"): np.array(_BITS[8], np.uint64).view(np.float64)[()],
    np.dtype("int32"): np.int32(-0x5A5A5A5B),
    np.dtype("int64"): np.int64(-0x5A5A5A5A5A5A5A5B),
    np.dtype("uint8"): np.uint8(0x5A),
}
"""What an entry holds before anybody has written it; that of a bool is its byte."""


def poisoned(shape: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """A new array that nobody wrote."""
    made = np.empty(shape, dtype)
    bare = _raw(made)
    bare[...] = POISON[bare.dtype]
    return made


def _raw(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array itself; the bytes of bools."""
    x = x.view(np.ndarray)
    return x.view(np.uint8) if x.dtype == np.bool_ else x


def guarded(x: np.ndarray[Any, Any], writeable: bool = True) -> Guarded:
    """The same memory, guarded."""
    view = x.view(Guarded)
    view.flags.writeable = writeable
    return view


class Guarded(np.ndarray):
    """An array whose every access is looked at."""

    def __getitem__(self, key: Any) -> Any:
        if type(key) is slice or (type(key) is tuple and slice in map(type, key)):
            _check_part(self, key)
            return super().__getitem__(key)
        _check_place(self, key)
        value = super().__getitem__(key)
        if value != value or self.dtype.kind != "f":
            _check_written(self, key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        _check_place(self, key)
        super().__setitem__(key, value)

    def reshape(self, *shape: Any) -> Any:
        made = super().reshape(*shape)
        assert np.shares_memory(made, self), "a reshape that copies"
        return made


def _check_place(x: Guarded, key: Any) -> None:
    """One entry, by numbers that are not negative; NumPy refuses those that are too large."""
    places = key if type(key) is tuple else (key,)
    if len(places) != x.ndim or min(places) < 0:
        raise IndexError(f"the index {key} of an array {x.shape}")


def _check_part(x: Guarded, key: Any) -> None:
    for part, n in zip(key if type(key) is tuple else (key,), x.shape, strict=False):
        if type(part) is slice:
            start, stop = part.start or 0, n if part.stop is None else part.stop
            if part.step is not None or not 0 <= start <= stop <= n:
                raise IndexError(f"the part {key} of an array {x.shape}")
        elif not 0 <= part < n:
            raise IndexError(f"the part {key} of an array {x.shape}")


def _check_written(x: Guarded, key: Any) -> None:
    bare = _raw(x)
    if _is_poison(bare[key]):
        raise ValueError(f"entry {key} of an array {x.shape} is read, and nobody wrote it")


def check_all_written(*arrays: np.ndarray[Any, Any]) -> None:
    """Somebody wrote every entry."""
    for x in arrays:
        if _is_poison(_raw(x)).any():
            raise ValueError(f"an array {x.shape} is read, and nobody wrote some of it")


def is_unwritten(x: np.ndarray[Any, Any]) -> bool:
    """Whether nobody wrote any entry."""
    return bool(_is_poison(_raw(x)).all())


def _is_poison(values: Any) -> Any:
    values = np.ascontiguousarray(values)
    if values.dtype.kind != "f":
        return values == POISON[values.dtype]
    size = values.dtype.itemsize
    return values.view(f"u{size}") == _BITS[size]


def operand(x: Guarded, rows: int, columns: int, leading: int) -> np.ndarray[Any, Any]:
    """The matrix (rows, columns) at the start of an array whose rows lie ``leading`` apart.

    It must be what the array is, but for rows at its end.
    """
    step = x.itemsize
    if x.ndim == 2:
        fits = rows <= x.shape[0] and columns == x.shape[1] and x.strides == (leading * step, step)
    elif rows == 1:
        fits = columns == 1 <= x.size or (columns <= x.size and x.strides == (step,))
    else:
        fits = columns == 1 and rows <= x.size and x.strides == (leading * step,)
    if not fits:
        raise IndexError(
            f"a matrix ({rows}, {columns}), rows {leading} apart, in an array {x.shape} with the "
            f"strides {x.strides}"
        )
    bare = x.view(np.ndarray)
    return np.lib.stride_tricks.as_strided(bare, (rows, columns), (leading * step, step))

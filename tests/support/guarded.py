"""Arrays that check every access of a program that runs as plain Python.

An index outside the array, a negative index, a slice longer than the array, and reading an
unwritten entry are errors. Unwritten entries hold a *poison*: a NaN with special bits, or an
integer that no program computes. Compiled code (numba, g++) reads the same numbers, so that they
show in its results.
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
"""The value of an unwritten entry, by dtype; for bools a byte."""


def poisoned(shape: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """Return a new array whose entries are all unwritten."""
    made = np.empty(shape, dtype)
    bare = _raw(made)
    bare[...] = POISON[bare.dtype]
    return made


def _raw(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array, with bools as bytes."""
    x = x.view(np.ndarray)
    return x.view(np.uint8) if x.dtype == np.bool_ else x


def guarded(x: np.ndarray[Any, Any], writeable: bool = True) -> Guarded:
    """Return a guarded view of the same memory."""
    view = x.view(Guarded)
    view.flags.writeable = writeable
    return view


class Guarded(np.ndarray):
    """An array that checks every access."""

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
    """Check that a key is one entry's, without negative indices; NumPy refuses too large ones."""
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
        raise ValueError(f"entry {key} of an array {x.shape} is read before it is written")


def check_all_written(*arrays: np.ndarray[Any, Any]) -> None:
    """Raise ValueError if an entry is unwritten."""
    for x in arrays:
        if _is_poison(_raw(x)).any():
            raise ValueError(f"an array {x.shape} is read before all of it is written")


def is_unwritten(x: np.ndarray[Any, Any]) -> bool:
    """Return whether all entries are unwritten."""
    return bool(_is_poison(_raw(x)).all())


def _is_poison(values: Any) -> Any:
    values = np.ascontiguousarray(values)
    if values.dtype.kind != "f":
        return values == POISON[values.dtype]
    size = values.dtype.itemsize
    return values.view(f"u{size}") == _BITS[size]


def operand(x: Guarded, rows: int, columns: int, leading: int) -> np.ndarray[Any, Any]:
    """Return the matrix (rows, columns) at the start of an array; its rows lie ``leading`` apart.

    The matrix must have the array's layout; only its last rows may be missing.
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

"""Combine the shapes and dtypes of two recorded arrays by the rules of the Array API standard."""

from __future__ import annotations

from typing import Any

__all__ = [
    "FLOATS",
    "Shape",
    "TraceError",
    "broadcast",
    "promote",
    "same_length",
    "same_shape",
]

Shape = tuple[Any, ...]

FLOATS = ("float32", "float64", "weak")
"""Floating dtypes; "weak" is that of a Python number, which adopts the other array's dtype."""

_ORDER = ("bool", "int32", "int64", "weak", "float32", "float64")  # the later of two is the result


class TraceError(Exception):
    """The code needs the values of a recorded array, or an operation that is not supported."""


class KernelError(Exception):
    """The CUDA kernels of a step cannot be made: a compiler, a header or memory is lacking."""


def promote(a: str, b: str) -> str:
    """Return the dtype that results from two dtypes."""
    kinds = {a, b}
    if kinds == {"float32", "float64"} or ("bool" in kinds and not kinds <= {"bool", "weak"}):
        raise TraceError(f"an operation combines {a} with {b}")
    return max(a, b, key=_ORDER.index)


def broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape that results from broadcasting two shapes."""
    short, long = sorted((a, b), key=len)
    padded = (1,) * (len(long) - len(short)) + tuple(short)
    return tuple(_one_length(m, n) for m, n in zip(padded, long, strict=True))


def same_length(m: Any, n: Any) -> bool:
    """Whether two lengths are the same; a `Size` is the same only as itself."""
    return m is n or (isinstance(m, int) and isinstance(n, int) and m == n)


def same_shape(a: Shape, b: Shape) -> bool:
    """Whether two shapes are the same."""
    return len(a) == len(b) and all(map(same_length, a, b))


def _one_length(m: Any, n: Any) -> Any:
    if same_length(m, n) or same_length(n, 1):
        return m
    if same_length(m, 1):
        return n
    raise TraceError(f"lengths {m} and {n} do not match")

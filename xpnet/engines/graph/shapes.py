"""What the shapes and dtypes of two recorded arrays make, by the standard's rules."""

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
"""Floating dtypes; "weak" is a Python number's, which takes that of the array it meets."""

_ORDER = ("bool", "int32", "int64", "weak", "float32", "float64")  # what meets what: the later


class TraceError(Exception):
    """The code asks for what a recorded array cannot tell, or for an operation unknown here."""


class KernelError(Exception):
    """The CUDA kernels of a step cannot be made: a compiler or a header is missing, or memory."""


def promote(a: str, b: str) -> str:
    """The dtype of what two dtypes make."""
    kinds = {a, b}
    if kinds == {"float32", "float64"} or ("bool" in kinds and not kinds <= {"bool", "weak"}):
        raise TraceError(f"{a} meets {b}")
    return max(a, b, key=_ORDER.index)


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of what two shapes make."""
    short, long = sorted((a, b), key=len)
    padded = (1,) * (len(long) - len(short)) + tuple(short)
    return tuple(_one_length(m, n) for m, n in zip(padded, long, strict=True))


def same_length(m: Any, n: Any) -> bool:
    """Whether two lengths are the same; the number of examples is the same as itself alone."""
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

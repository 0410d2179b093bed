"""Check arrays of examples, real, finite and of the right shape, and their weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpnet.backends import Backend, is_array_of_library, move, to_numpy
from xpnet.backends.tracked import refuse_tracked
from xpnet.checks.missing import check_present, first_place
from xpnet.errors import printable, quoted
from xpnet.typing import Array, ArrayLike, Host

__all__ = [
    "as_array",
    "check_finite",
    "check_unmasked",
    "example_weights",
    "features",
    "is_array",
    "is_integer",
    "kind_of",
    "labels_on_host",
    "real",
    "turned",
    "without_nan",
]


_REAL = ("int", "uint", "bool", "float", "double", "bfloat")  # "double": pandas with Arrow
_PLAIN = ": give numpy.lib.recfunctions.structured_to_unstructured(x)"
_REMEDIES = {
    "complex": ": give its real and imaginary parts as columns",
    "datetime": ": give numbers, such as the days since a date",
    "timedelta": ": give numbers, such as x / numpy.timedelta64(1, 'D')",
    "str": ": turn text into numbers (x.astype(float)), and categories into columns of 0 and 1",
    "object": ": turn it into numbers, x.astype(float)",
    "void": _PLAIN,
    "record": _PLAIN,
}
"""What to write instead, by the beginning of a dtype's name."""


def is_integer(x: ArrayLike) -> bool:
    """Whether an array of any library holds integers or booleans."""
    return kind_of(x).startswith(("int", "uint", "bool"))


def kind_of(x: ArrayLike) -> str:
    """The name of the dtype of any library's array."""
    kind = str(getattr(x.dtype, "name", x.dtype)).rpartition(".")[2].lower()
    return f"pandas {kind}" if kind.startswith("interval") else kind  # not an integer


def as_array(name: str, x: ArrayLike) -> Any:
    """X itself if it is an array, else a host array made of it: a list, a frame, a column.

    Raises
    ------
    ValueError, TypeError
        Entries are masked or missing, rows differ in length, torch tracks the tensor's gradient,
        or it is not an array at all, such as a set.
    """
    refuse_tracked(x, name)
    check_unmasked(name, x)
    if is_array(x):
        return x
    host = _read(name, x)
    if host.ndim == 0 and host.dtype == object:
        raise TypeError(
            f"{name} must hold real numbers, got dtype object: a {type(x).__name__} is not an "
            "array: give an array, a data frame or nested lists"
        )
    return _of_numbers(name, x, host)


def check_unmasked(name: str, x: ArrayLike) -> None:
    """Check that no entry of a masked array is masked."""
    if isinstance(x, np.ma.MaskedArray) and np.any(x.mask):
        raise ValueError(
            f"{name} has masked entries, which would be used as if they were valid: remove "
            "those examples, or fill them (x.filled(…))"
        )


def is_array(x: ArrayLike) -> bool:
    """Whether it is an array or a scalar of an array library, not a data frame or its column."""
    return isinstance(x, (np.ndarray, np.generic)) or is_array_of_library(x)


def _read(name: str, x: ArrayLike) -> Host:
    """X, of any type, as an array on the host."""
    try:
        return to_numpy(x)
    except TypeError:
        raise
    except ValueError as error:
        if isinstance(x, (list, tuple)):
            text = f"{name} must be an array, but its rows differ in length"
            raise ValueError(text) from error
        raise ValueError(f"{name} cannot be read as an array: {printable(str(error))}") from error
    except Exception as error:  # any class: the library of x is unknown
        raise TypeError(f"{name} cannot be read as an array: {printable(str(error))}") from error


def _of_numbers(name: str, x: ArrayLike, host: Host) -> Host:
    """The values of a list, frame or column, as numbers if they are, even of mixed kinds."""
    of_integers = hasattr(x, "dtype") and is_integer(x)  # floats on the host if a cell is missing
    if host.dtype.kind in "OT" or (host.dtype.kind == "f" and of_integers):
        check_present(name, host, _called(name, host))
    if host.dtype != object:
        return host
    if hasattr(x, "columns"):
        return _frame(name, x, host)
    if hasattr(x, "dtype") and kind_of(x).startswith(_REAL):  # pandas' own kinds of numbers
        return host.astype(np.float64 if not of_integers else np.int64)
    return host


def _called(name: str, host: Host) -> str:
    """What a message calls a missing cell: "label" in a Y of text or integers, else "value"."""
    cells = host.reshape(-1).tolist()
    numbers = any(isinstance(cell, float) and cell == cell for cell in cells)
    return "value" if name != "Y" or (host.dtype == object and numbers) else "label"


def _frame(name: str, x: ArrayLike, host: Host) -> Host:
    """A data frame's columns as one array, even if integers, floats and truth values mix."""
    for k, column in enumerate(getattr(x, "column_names", x.columns)):
        if not all(isinstance(v, (int, float, np.generic)) for v in host[:, k].tolist()):
            raise TypeError(
                f"{name} must hold real numbers, but its column {quoted(column)} does not: leave "
                "it out, or turn it into numbers"
            )
    return host.astype(np.float64)


def real(name: str, x: ArrayLike) -> Any:
    """X as an array, checked to hold real numbers."""
    x = as_array(name, x)
    kind = kind_of(x)
    if kind.startswith(_REAL):
        return x
    if isinstance(x, np.ndarray) and x.dtype.kind in "OTMm" and x.ndim:
        check_present(name, x, _called(name, x))
    remedy = next((text for start, text in _REMEDIES.items() if kind.startswith(start)), "")
    raise TypeError(f"{name} must hold real numbers, got dtype {printable(kind, 80)}{remedy}")


def labels_on_host(name: str, labels: ArrayLike) -> Host:
    """Labels (N,) on the host, numbers or text, for N ≥ 1 examples; none may be missing."""
    check_unmasked(name, labels)
    host = _read(name, labels)
    kind = host.dtype.kind
    if host.ndim != 1 or len(host) == 0 or kind not in "biufUSTO":
        raise ValueError(
            f"{name} must be labels (N,), integers or text, got shape {host.shape} and dtype "
            f"{printable(kind_of(host), 80)}"
        )
    check_present(name, host, "label")
    if kind == "O" and not all(isinstance(cell, (str, int, np.integer)) for cell in host):
        raise TypeError(f"{name} must be integers or text, got an array of other objects")
    is_text = kind in "UST" or (kind == "O" and isinstance(host[0], str))
    return host.astype(object).astype(str) if is_text else host


def turned(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """A hint if an array only needs to be transposed or flattened, else an empty string."""
    if len(found) == 2 and found[::-1] == wanted:
        return f": give {name}.T"
    if len(found) == 2 and 1 in found and (max(found),) == wanted:
        return f": give {name}.ravel()"
    return ""


def features(backend: Backend, X: ArrayLike, width: int, dtype: str) -> tuple[Any, bool]:
    """X as (N, n_0) on the device, and whether it was one example (n_0,)."""
    refuse_tracked(X, "X")
    there = backend.has(X, dtype)
    X = X if there else real("X", X)
    if len(X.shape) not in (1, 2):
        raise ValueError(
            f"X must be (examples, {width}), or ({width},) for one example, got the shape "
            f"{tuple(X.shape)}"
        )
    if X.shape[-1] != width:
        is_column = len(X.shape) == 2 and tuple(X.shape) == (width, 1)
        raise ValueError(
            f"X has {X.shape[-1]} columns, but the first layer expects {width} (sizes[0])"
            f"{': for one example give x.T or x.ravel()' if is_column else ''}"
        )
    if len(X.shape) == 2 and X.shape[0] == 0:
        raise ValueError("X has no examples")
    X = X if there else move(backend, X, dtype)
    return (X[None, :], True) if X.ndim == 1 else (X, False)


def without_nan(outputs: Host) -> Host:
    """The outputs, checked to contain no NaN."""
    lost = np.isnan(outputs).reshape(-1, outputs.shape[-1]).any(axis=-1)
    if lost.any():
        raise ValueError(
            f"the outputs of {lost.sum()} of {lost.size} examples are NaN, the first in row "
            f"{int(lost.argmax())}: look for NaN in X, and leave such examples out or fill them"
        )
    return outputs


def check_finite(
    backend: Backend, name: str, x: Array, remedy: str = "remove or replace those examples"
) -> None:
    """Check for NaN and infinity with two reductions on the device, without temporary arrays.

    In the Array API standard, max and min of an array with a NaN are NaN.
    """
    xp = backend.xp
    if not xp.isdtype(x.dtype, "real floating"):
        return
    if not (math.isfinite(float(xp.max(x))) and math.isfinite(float(xp.min(x)))):
        where = f", the first in {first_place(~np.isfinite(to_numpy(x)))}" if x.ndim else ""
        raise ValueError(
            f"{name} has NaN or infinite entries, or some too large for {kind_of(x)}{where}: "
            f"{remedy}"
        )


def example_weights(
    sample_weight: ArrayLike, n_examples: int, dtype: str
) -> tuple[Host | None, float]:
    """Weights (N,) in float64 on the host, not negative and not all zero, and their unit.

    None stays None, with the unit 1. A power of two, the unit, scales the largest to [1/2, 1).
    Weights below the smallest normal number of ``dtype`` are then set to 0. A batch of only such
    weights would be divided by a sum that is 0, or whose inverse overflows.
    """
    if sample_weight is None:
        return None, 1.0
    w = to_numpy(real("sample_weight", sample_weight)).astype(np.float64)
    if w.shape != (n_examples,):
        raise ValueError(
            f"sample_weight must be ({n_examples},), one number for each example, got {w.shape}"
        )
    wrong = ~np.isfinite(w) | (w < 0)
    if np.any(wrong):
        n = int(wrong.argmax())
        raise ValueError(f"sample_weight must be finite and not negative, got {w[n]} in row {n}")
    if not np.any(w > 0):
        raise ValueError("sample_weight is zero for every example: nothing is left to train on")
    exponent = int(np.frexp(w.max())[1])
    w = np.ldexp(w, -exponent)  # only ratios matter, and large weights might overflow
    return np.where(w < np.finfo(dtype).tiny, 0.0, w), 2.0 ** min(-exponent, 1023)

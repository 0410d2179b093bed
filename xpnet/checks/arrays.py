"""Arrays of examples: of real numbers, in the right shape, finite; and their weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpnet.backends import Backend, move, to_numpy

__all__ = [
    "as_array",
    "check_finite",
    "example_weights",
    "features",
    "is_integer",
    "kind_of",
    "real",
    "without_nan",
]


def is_integer(x: Any) -> bool:
    """Whether an array of any library holds integers or booleans."""
    return kind_of(x).startswith(("int", "uint", "bool"))


def kind_of(x: Any) -> str:
    """The dtype's name, of any array library."""
    return str(getattr(x.dtype, "name", x.dtype)).rpartition(".")[2].lower()


def as_array(name: str, x: Any) -> Any:
    """X itself where it is an array, else a host array of it."""
    if hasattr(x, "filled") and np.any(x.mask):
        raise ValueError(
            f"{name} has masked entries, which would count as if they were there: remove those "
            "examples, or fill them (x.filled(…))"
        )
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return x
    try:
        return _frame(name, x) if hasattr(x, "columns") else to_numpy(x)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, but its rows differ in length") from error


def _frame(name: str, x: Any) -> np.ndarray[Any, Any]:
    """A data frame's columns as one array, also where integers, numbers and truth values mix."""
    host = to_numpy(x)
    if host.dtype != object:
        return host
    for k, column in enumerate(x.columns):
        if not all(isinstance(v, (int, float, np.generic)) for v in host[:, k].tolist()):
            raise TypeError(
                f"{name} must hold real numbers, but its column {column!r} does not: leave it out, "
                "or turn it into numbers"
            )
    return host.astype(np.float64)


def real(name: str, x: Any) -> Any:
    """An array of real numbers."""
    x = as_array(name, x)
    if not kind_of(x).startswith(("int", "uint", "bool", "float", "bfloat")):
        raise TypeError(f"{name} must hold real numbers, got dtype {kind_of(x)}")
    return x


def features(backend: Backend, X: Any, width: int, dtype: str) -> tuple[Any, bool]:
    """X as (N, n_0) on the device, and whether it was one example (n_0,)."""
    there = backend.has(X, dtype)
    X = X if there else real("X", X)
    if len(X.shape) not in (1, 2):
        raise ValueError(
            f"X must be (examples, {width}), or ({width},) for one, got the shape {tuple(X.shape)}"
        )
    if X.shape[-1] != width:
        raise ValueError(
            f"X has {X.shape[-1]} columns, but the first layer expects {width} (sizes[0])"
        )
    if len(X.shape) == 2 and X.shape[0] == 0:
        raise ValueError("X has no examples")
    X = X if there else move(backend, X, dtype)
    return (X[None, :], True) if X.ndim == 1 else (X, False)


def without_nan(outputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Outputs that say something."""
    lost = np.isnan(outputs).reshape(-1, outputs.shape[-1]).any(axis=-1)
    if lost.any():
        raise ValueError(
            f"the outputs of {lost.sum()} of {len(lost)} examples are NaN, the first that of "
            f"example {int(lost.argmax())}: look for NaN in X, leave such examples out or fill them"
        )
    return outputs


def check_finite(
    backend: Backend, name: str, x: Any, remedy: str = "remove or replace those examples"
) -> None:
    """No NaN and no infinity, by two reductions on the device that make no temporary array.

    The standard's max and min pass NaN on.
    """
    xp = backend.xp
    if not xp.isdtype(x.dtype, "real floating"):
        return
    if not (math.isfinite(float(xp.max(x))) and math.isfinite(float(xp.min(x)))):
        raise ValueError(
            f"{name} has NaN or infinite entries, or some too large for {kind_of(x)}: {remedy}"
        )


def example_weights(sample_weight: Any, n_examples: int, dtype: str) -> np.ndarray[Any, Any] | None:
    """Weights (N,) in float64 on the host, not negative and not all zero; None stays None.

    The largest is scaled to [1/2, 1), and what is then no normal number of ``dtype`` is 0: a batch
    of such weights alone would be divided by their sum 0, or by one whose inverse overflows.
    """
    if sample_weight is None:
        return None
    w = to_numpy(real("sample_weight", sample_weight)).astype(np.float64)
    if w.shape != (n_examples,):
        raise ValueError(
            f"sample_weight must be ({n_examples},), one number an example, got {w.shape}"
        )
    if not np.all(np.isfinite(w)) or np.any(w < 0):
        raise ValueError("sample_weight must be finite and not negative")
    if not np.any(w > 0):
        raise ValueError("sample_weight is zero for every example: nothing is left to train on")
    exponent = int(np.frexp(w.max())[1])
    w = np.ldexp(w, -exponent)  # their scale has no meaning, and might overflow
    return np.where(w < np.finfo(dtype).tiny, 0.0, w)

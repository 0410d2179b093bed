"""Check that targets have the shape and the values that a loss takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.backends import Backend, move, to_numpy
from xpnet.checks.arrays import check_finite, is_integer, kind_of, real
from xpnet.checks.missing import check_present
from xpnet.losses import Loss
from xpnet.typing import Array, ArrayLike, Namespace

__all__ = ["MANY_CLASSES", "check_targets", "column_of_labels", "targets"]

MANY_CLASSES = 10_000  # larger labels are names or keys, not classes numbered 0, 1, …


def targets(
    backend: Backend,
    Y: ArrayLike,
    loss: Loss,
    n_examples: int,
    single: bool,
    width: int,
    dtype: str,
) -> Any:
    """Y on the device as the loss takes it: labels (N,) or (N, heads), or rows (N, n_targets)."""
    Y, columns = real("Y", Y), loss.n_targets(width)
    shape = (1, *Y.shape) if single else tuple(Y.shape)
    if not shape or shape[0] != n_examples:
        is_column = single and tuple(Y.shape) == (columns, 1)
        raise ValueError(
            f"X has {n_examples} examples, but Y has the shape {tuple(Y.shape)}: each example "
            f"needs one target{'; for one example give y.T or y.ravel()' if is_column else ''}"
        )
    if loss.targets == "labels" and len(shape) == 1 and (width > 1 or is_integer(Y)):
        return _labels(backend, Y, shape, (width,), 0)
    if shape not in ((n_examples, columns), (n_examples,) if columns == 1 else None):
        if loss.targets == "labels" and shape == (n_examples, 1):
            raise column_of_labels(shape)
        is_column = single and shape == (1, columns, 1)
        hint = ": for one example give y.ravel()" if is_column else ""
        raise ValueError(f"{_shape_message(shape, loss, n_examples, columns)}{hint}")
    shape = (n_examples, columns)
    if loss.heads:
        return _labels(backend, Y, shape, loss.heads, -1 if loss.masked else 0)
    rows = backend.xp.reshape(move(backend, Y, dtype), shape)
    _check_values(backend, rows, loss)
    return rows


def column_of_labels(shape: tuple[int, ...]) -> ValueError:
    """The error for class labels of shape (N, 1)."""
    return ValueError(
        f"Y has the shape {shape}, but class labels have the shape {shape[:1]}: take its column, "
        "Y[:, 0] (of a data frame, Y.iloc[:, 0])"
    )


def _shape_message(shape: tuple[int, ...], loss: Loss, n_examples: int, columns: int) -> str:
    wanted = f"({n_examples}, {columns})"
    if loss.targets == "labels":
        wanted += f", or integer labels of shape ({n_examples},)"
    if loss.heads:
        wanted += ", an integer label for each head"
    return f"Y has the shape {shape}, but loss {loss.name!r} takes {wanted}"


def _labels(
    backend: Backend, Y: ArrayLike, shape: tuple[int, ...], classes: tuple[int, ...], least: int
) -> Any:
    """Integer labels on the device; each column is checked against its number of classes."""
    if not is_integer(Y):
        check_present("Y", to_numpy(Y), "label")
        raise ValueError(
            f"class labels must be integers, got dtype {kind_of(Y)} of shape {shape}: convert "
            'them, or name a loss for numbers, such as "mean_squared_error"'
        )
    Y = move(backend, Y) if backend.owns(Y) else to_numpy(Y)
    xp = backend.xp if backend.owns(Y) else np  # check before a narrower dtype wraps them
    if len(shape) == 1:
        _check_range(xp, Y, classes[0], least, "")
    else:
        columns = xp.reshape(Y, shape)
        for h, n in enumerate(classes):
            _check_range(xp, columns[:, h], n, least, f" of head {h}")
    return backend.xp.reshape(move(backend, Y, backend.index_dtype), shape)


def _check_range(xp: Namespace, labels: Array, width: int, least: int, where: str) -> None:
    if xp.isdtype(labels.dtype, "bool"):
        labels = xp.astype(labels, xp.int8)
    lowest, highest = int(xp.min(labels)), int(xp.max(labels))
    if lowest < least or highest >= width:
        missing = ", or be −1 for a missing label" if least < 0 else ""
        wider = f": {highest + 1} classes need a last width of {highest + 1} (sizes[-1])"
        remedy = wider if lowest >= 0 and highest < MANY_CLASSES and not where else ""
        raise ValueError(
            f"class labels{where} must lie in 0 … {width - 1} (the output has {width} units)"
            f"{missing}, got {lowest if lowest < least else highest}{remedy}"
        )


def _check_values(backend: Backend, rows: Array, loss: Loss) -> None:
    """Check that the loss allows the targets' values; `check_targets` looks for NaN."""
    xp = backend.xp
    if loss.targets == "rows":
        return
    if bool(xp.any(rows < 0)):
        raise ValueError(f"loss {loss.name!r} takes targets ≥ 0")
    if loss.targets == "probabilities" and bool(xp.any(rows > 1)):
        raise ValueError(f"loss {loss.name!r} takes targets in [0, 1]")
    if loss.targets == "labels":
        worst = float(xp.max(xp.abs(xp.sum(rows, axis=-1) - 1.0)))
        if worst > 1e-4:
            raise ValueError(
                f"loss {loss.name!r} takes rows that sum to 1; one sum differs by {worst:.3g}. "
                "Labels have the shape (N,); several labels for each example, or numbers, need "
                "a different loss ('binary_cross_entropy', 'mean_squared_error')"
            )


def check_targets(backend: Backend, name: str, Y: Array, loss: Loss) -> None:
    """Check that targets are finite; for a masked loss all but one may be missing."""
    xp = backend.xp
    if not loss.masked:
        return check_finite(backend, name, Y)
    there, missing = (Y >= 0, "−1") if loss.heads else (~xp.isnan(Y), "NaN")
    if not bool(xp.any(there)):
        raise ValueError(f"every entry of {name} is {missing}: no target is left to train on")
    return check_finite(backend, name, xp.where(there, Y, 0))

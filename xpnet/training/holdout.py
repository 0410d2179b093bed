"""Examples set aside for validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.backends import Backend, to_numpy
from xpnet.checks.inputs import Examples
from xpnet.datasets.split import stratified_split
from xpnet.equations.streams import SPLIT, permutation
from xpnet.errors import quoted
from xpnet.ranges import is_number
from xpnet.typing import Host

__all__ = ["check_fraction", "held_out", "hold_out"]


def hold_out(
    backend: Backend,
    data: Examples,
    fraction: Any,
    seed: int,
    names: Sequence[str] | None = None,
) -> tuple[Examples, Examples]:
    """Split the data into training and validation examples; classes keep their shares.

    The split depends only on the seed. Examples of weight 0 are in neither part. ``names`` are the
    names of the classes, for the message.

    Raises
    ------
    ValueError
        A fraction outside (0, 1), or one that leaves a part without examples, or without a class.
    """
    check_fraction(fraction)
    kept = np.arange(data.X.shape[0]) if data.w is None else np.flatnonzero(data.w)
    train, held = held_out(to_numpy(data.Y)[kept], data.classes, fraction, seed, names)
    return _rows(backend, data, kept[train]), _rows(backend, data, kept[held])


def check_fraction(fraction: Any) -> None:
    """Raise ValueError unless the fraction lies between 0 and 1."""
    if not is_number(fraction) or not 0 < fraction < 1:
        raise ValueError(f"validation_fraction must lie between 0 and 1, got {quoted(fraction)}")


def held_out(
    Y: Host, classes: bool, fraction: float, seed: int, names: Sequence[str] | None = None
) -> tuple[Host, Host]:
    """The numbers of the examples to train on, and of those to hold out.

    ``Y`` are their targets, and ``classes`` says whether they are classes, which keep their shares.
    """
    if not classes or (Y.ndim == 2 and Y.shape[1] != 1):
        return _plain_split(len(Y), fraction, seed)
    labels = Y.reshape(-1).astype(np.int64)
    return stratified_split(labels if names is None else np.asarray(names)[labels], fraction, seed)


def _plain_split(n: int, fraction: float, seed: int) -> tuple[Any, Any]:
    n_held = round(fraction * n)
    if n_held in (0, n):
        raise ValueError(
            f"validation_fraction {fraction} of {n} examples leaves one side without any"
        )
    order = permutation(seed, SPLIT, (), n)
    return np.sort(order[n_held:]), np.sort(order[:n_held])


def _rows(backend: Backend, data: Examples, rows: Host) -> Examples:
    index = backend.from_numpy(rows.astype(backend.index_dtype))
    X, Y = backend.take(data.X, index), backend.take(data.Y, index)
    return data._replace(X=X, Y=Y, w=None if data.w is None else data.w[rows])

"""The folds of a cross-validation: drawn, or given as pairs of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import checks
from xpnet.backends import to_numpy
from xpnet.datasets.split import folds as parts_of
from xpnet.equations.streams import seed_from
from xpnet.errors import quoted
from xpnet.network.network import Network
from xpnet.ranges import items
from xpnet.training.own_rows import row_numbers
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng

__all__ = ["Fold", "folds_of"]

Fold = tuple[Host, Host]
"""The rows to train on, and the rows held out."""


def folds_of(
    net: Network, X: ArrayLike, Y: ArrayLike, given: Any, rng: Rng, sample_weight: ArrayLike
) -> list[Fold]:
    """The folds, drawn or as given.

    Raises
    ------
    ValueError, TypeError
        They are no folds, or one has no row of a weight above 0 to train on or to be judged by.
    """
    shape = checks.as_array("X", X).shape
    if not shape:
        raise ValueError("X must be (examples, columns), got a single number")
    N = int(shape[0])
    found = _found(net, Y, given, rng, N)
    if sample_weight is not None:
        _check_weights(found, sample_weight, N, net.dtype)
    return found


def _check_weights(folds: list[Fold], sample_weight: ArrayLike, N: int, dtype: str) -> None:
    w, _ = checks.example_weights(sample_weight, N, dtype)
    assert w is not None
    for k, fold in enumerate(folds):
        for rows, purpose in zip(fold, ("train on", "be judged by"), strict=True):
            if not np.any(w[rows]):
                raise ValueError(f"folds[{k}] has no row to {purpose} with a sample_weight above 0")


def _found(net: Network, Y: ArrayLike, given: Any, rng: Rng, N: int) -> list[Fold]:
    if not isinstance(given, (int, np.integer)) or isinstance(given, bool):
        return [_pair(k, pair, N) for k, pair in enumerate(_listed(given))]
    if not 2 <= given <= N:
        raise ValueError(f"folds must be from 2 to {N}, the number of examples, got {given}")
    seed = seed_from(rng)
    return [
        (np.setdiff1d(np.arange(N), held), held)
        for held in parts_of(_labels(net.encode(Y)), N, int(given), seed)
    ]


def _labels(Y: ArrayLike) -> Host | None:
    """Class labels to spread over the folds; None if the targets are no classes."""
    Y = checks.as_array("Y", Y)
    is_labels = checks.is_integer(Y) and (len(Y.shape) == 1 or tuple(Y.shape)[1:] == (1,))
    return to_numpy(Y).reshape(-1) if is_labels else None


def _listed(given: Any) -> list[Any]:
    pairs = items("folds must be a number, or pairs (train, test) of rows", given)
    if len(pairs) < 2:
        raise ValueError(f"folds must be at least 2 pairs (train, test) of rows, got {len(pairs)}")
    return pairs


def _pair(k: int, given: Any, n_examples: int) -> Fold:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TypeError(f"folds[{k}] must be a pair (train, test) of rows, got {quoted(given)}")
    train, test = (row_numbers(f"folds[{k}][{i}]", x, n_examples) for i, x in enumerate(given))
    both = np.intersect1d(train, test)
    if len(both):
        raise ValueError(
            f"folds[{k}] has row {both[0]} both to train on and to be judged by: its scores would "
            "say nothing about new data"
        )
    return train, test

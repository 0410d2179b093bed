"""Rows of its own for each network of a stack, in place of examples that all networks share.

Network r then trains as it would alone on X[rows[r]] and Y[rows[r]]: its weights, the classes'
weights and the examples held out are those of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xpnet import checks
from xpnet.backends import Backend, to_numpy
from xpnet.checks.arrays import kind_of
from xpnet.checks.inputs import Examples, OwnRows
from xpnet.errors import quoted
from xpnet.training.holdout import check_fraction, held_out
from xpnet.typing import Host

__all__ = ["hold_out_each", "own_examples", "own_rows", "row_numbers", "weigh_each"]


def own_rows(rows: Any, n_networks: int, n_examples: int) -> tuple[Host, ...]:
    """Return ``rows`` of `Stack.fit` as R arrays of int64.

    Raises
    ------
    ValueError, TypeError
        They are not one array for each network, or hold no rows, or other than 0 … N − 1.
    """
    if not isinstance(rows, (Sequence, np.ndarray)) or len(rows) != n_networks:
        got = f"{len(rows)} of them" if isinstance(rows, Sequence) else quoted(rows)
        raise ValueError(
            f"rows must be a list of {n_networks} arrays of row numbers, one for each network; "
            f"got {got}"
        )
    return tuple(row_numbers(f"rows[{r}]", each, n_examples) for r, each in enumerate(rows))


def row_numbers(name: str, given: Any, n_examples: int) -> Host:
    """One network's rows: integers from 0 to N − 1, or a mask (N,)."""
    array = checks.as_array(name, given)
    if kind_of(array) == "bool" and tuple(array.shape) == (n_examples,):
        array = np.flatnonzero(to_numpy(array))
    if len(array.shape) != 1 or not kind_of(array).startswith(("int", "uint")):
        raise TypeError(
            f"{name} must be a list of row numbers, integers, or a mask of {n_examples} rows; got "
            f"{array.dtype} of shape {tuple(array.shape)}"
        )
    found = to_numpy(array).astype(np.int64)
    if not len(found):
        raise ValueError(f"{name} has no rows")
    wrong = (found < 0) | (found >= n_examples)
    if np.any(wrong):
        raise ValueError(
            f"{name} must lie in 0 … {n_examples - 1}, the rows of X, got {found[wrong][0]}"
        )
    return found


def own_examples(place: Backend, data: Examples, rows: Sequence[Host], dtype: str) -> Examples:
    """The data with rows of its own for each network; rows that no network has are left out."""
    used, places = np.unique(np.concatenate(rows), return_inverse=True)
    w = None if data.w is None else tuple(_weights(r, data.w[x], dtype) for r, x in enumerate(rows))
    if len(used) < data.X.shape[0]:
        index = place.from_numpy(used.astype(place.index_dtype))
        data = data._replace(X=place.take(data.X, index), Y=place.take(data.Y, index))
        rows = np.split(places, np.cumsum([len(x) for x in rows])[:-1])
    return data._replace(w=None, own=OwnRows(tuple(rows), w))


def _weights(r: int, w: Host, dtype: str) -> Host:
    """Weights of network r's examples, scaled as those of a fit on these alone."""
    if not np.any(w > 0):
        raise ValueError(f"sample_weight is zero for every example in rows[{r}]")
    found, _ = checks.example_weights(w, len(w), dtype)
    assert found is not None
    return found


def hold_out_each(
    data: Examples, fraction: Any, seeds: Sequence[int], names: Sequence[str] | None
) -> tuple[Examples, Examples]:
    """Split each network's examples by its seed, as `hold_out` does."""
    own, Y = data.own, to_numpy(data.Y)
    assert own is not None
    check_fraction(fraction)
    train, held = [], []
    for r, seed in enumerate(seeds):
        kept = own.kept(r)
        parts = held_out(Y[own.rows[r][kept]], data.classes, fraction, seed, names)
        train.append(kept[parts[0]])
        held.append(kept[parts[1]])
    return data._replace(own=own.take(train)), data._replace(own=own.take(held))


def weigh_each(data: Examples, weights_of: Callable[[Host], Host], dtype: str) -> Examples:
    """Multiply ``weights_of`` of each network's labels into the weights of its examples."""
    own, labels = data.own, to_numpy(data.Y)
    assert own is not None
    w = [weights_of(labels[rows]) for rows in own.rows]
    if own.w is not None:
        w = [x * given for x, given in zip(w, own.w, strict=True)]
    return data._replace(own=own._replace(w=tuple(_weights(r, x, dtype) for r, x in enumerate(w))))

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
    w, unit = data.w, data.unit
    own = OwnRows(tuple(rows))
    if w is not None:
        own = _weighted(own, [w[x] for x in rows], [unit] * len(rows), dtype)
    if len(used) < data.X.shape[0]:
        index = place.from_numpy(used.astype(place.index_dtype))
        data = data._replace(X=place.take(data.X, index), Y=place.take(data.Y, index))
        rows = np.split(places, np.cumsum([len(x) for x in rows])[:-1])
    return data._replace(w=None, own=own._replace(rows=tuple(rows)))


def _weighted(own: OwnRows, w: Sequence[Host], units: Sequence[float], dtype: str) -> OwnRows:
    """The rows with these weights, each network's scaled as those of a fit on its rows alone."""
    found, factors = [], []
    for r, (each, unit) in enumerate(zip(w, units, strict=True)):
        if not np.any(each > 0):
            raise ValueError(f"sample_weight is zero for every example in rows[{r}]")
        scaled, factor = checks.example_weights(each, len(each), dtype)
        assert scaled is not None
        found.append(scaled)
        factors.append(unit * factor)
    return own._replace(w=tuple(found), units=tuple(factors))


def hold_out_each(
    data: Examples, fraction: Any, seeds: Sequence[int], names: Sequence[str] | None
) -> tuple[Examples, Examples]:
    """Split each network's examples by its seed, as `hold_out` does.

    If its rows repeat some, as bootstrap samples do, distinct rows are drawn: all copies of a row
    are on its side.
    """
    own, Y = data.own, to_numpy(data.Y)
    assert own is not None
    check_fraction(fraction)
    train, held = [], []
    for r, seed in enumerate(seeds):
        kept = own.kept(r)
        rows, first, copy_of = _distinct(own.rows[r][kept])
        _, drawn = held_out(Y[rows], data.classes, fraction, seed, names)
        is_held = np.isin(copy_of, first[drawn])
        train.append(kept[~is_held])
        held.append(kept[is_held])
    return data._replace(own=own.take(train)), data._replace(own=own.take(held))


def weigh_each(data: Examples, weights_of: Callable[[Host], Host], dtype: str) -> Examples:
    """Multiply ``weights_of`` of each network's labels into the weights of its examples."""
    own, labels = data.own, to_numpy(data.Y)
    assert own is not None
    w = [weights_of(labels[rows]) for rows in own.rows]
    if own.w is not None:
        w = [x * given for x, given in zip(w, own.w, strict=True)]
    return data._replace(own=_weighted(own, w, own.units or [1.0] * len(w), dtype))


def _distinct(rows: Host) -> tuple[Host, Host, Host]:
    """The distinct rows (D,) in order, the place of each, and for every row the place of its first.

    A place is one in ``rows`` (N,); D = N, and nothing changes, if no row is repeated.
    """
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    places = np.sort(first)
    return rows[places], places, first[inverse]

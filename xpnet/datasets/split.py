"""Training and test examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.checks import labels_on_host
from xpnet.equations.streams import SPLIT, permutation, seed_from
from xpnet.errors import quoted
from xpnet.ranges import is_number

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng

__all__ = ["stratified_sample", "stratified_split"]


def stratified_split(
    labels: Any, fraction: float = 0.2, seed: Rng = 0
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Indices of training and of test examples, with ``fraction`` of every class in the test part.

    The draw is a function of (seed, class) alone; both index arrays are sorted.

    Parameters
    ----------
    labels : (N,) numbers or text
        Of any array library, or a data frame's column.
    fraction : float
    seed
        As ``rng`` of `xpnet.Network`.

    Raises
    ------
    ValueError
        A fraction that is not within (0, 1), or that leaves a class without examples on one side;
        a label is missing.
    TypeError
        A seed of another kind.
    """
    if not is_number(fraction) or not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, got {quoted(fraction)}")
    seed, labels = seed_from(seed, "seed"), labels_on_host("labels", labels)
    test: list[np.ndarray[Any, Any]] = []
    for k, label in enumerate(np.unique(labels).tolist()):
        members = np.flatnonzero(labels == label)
        n_test = round(fraction * len(members))
        if n_test in (0, len(members)):
            raise ValueError(
                f"class {quoted(label)} has {len(members)} examples: a fraction of {fraction} "
                "leaves one side without any: take another fraction, or leave that class out"
            )
        test.append(members[permutation(seed, SPLIT, (k,), len(members))[:n_test]])
    chosen = np.sort(np.concatenate(test))
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def stratified_sample(
    labels: np.ndarray[Any, Any] | None, n: int, most: int, seed: int = 0
) -> np.ndarray[Any, Any]:
    """Indices of ``most`` of n examples, sorted; all of them where there are no more.

    Of every class its share, rounded so that each class that can has one example; without labels of
    all examples alike. The draw is a function of (seed, class).
    """
    if most >= n:
        return np.arange(n)
    if labels is None:
        return np.sort(permutation(seed, SPLIT, (), n)[:most])
    order = np.empty(n)  # of class k's examples, in the order of its draw: 1/2, 3/2, … parts of N_k
    for k, label in enumerate(np.unique(labels).tolist()):
        members = np.flatnonzero(labels == label)
        drawn = members[permutation(seed, SPLIT, (k,), len(members))]
        order[drawn] = (np.arange(len(members)) + 0.5) / len(members)
        order[drawn[0]] = 0.0
    return np.sort(np.argsort(order, kind="stable")[:most])

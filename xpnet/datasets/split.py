"""Splits into training and test examples, and samples, by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.checks import labels_on_host
from xpnet.equations.streams import SPLIT, permutation, seed_from
from xpnet.errors import quoted
from xpnet.ranges import is_number
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng

__all__ = ["folds", "stratified_sample", "stratified_split"]


def stratified_split(labels: Any, fraction: float = 0.2, seed: Rng = 0) -> tuple[Host, Host]:
    """Sorted indices of training and test examples, with ``fraction`` of each class for testing.

    The order in which a class's examples are drawn depends only on the seed, the number of these
    examples, and the place of the class among the sorted classes.

    Parameters
    ----------
    labels : (N,) numbers or text
        An array of any library, or a data frame's column.
    fraction : float
        The share of each class in the test part, within (0, 1).
    seed
        As ``rng`` of `xpnet.Network`.

    Raises
    ------
    ValueError
        The fraction is not within (0, 1), or leaves a class without examples in one part. Or a
        label is missing, or the labels are no array (N,).
    TypeError
        The seed or the labels have a wrong type.
    """
    if not is_number(fraction) or not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, got {quoted(fraction)}")
    seed, labels = seed_from(seed, "seed"), labels_on_host("labels", labels)
    test: list[Host] = []
    for k, label in enumerate(np.unique(labels).tolist()):
        members = np.flatnonzero(labels == label)
        n_test = round(fraction * len(members))
        if n_test in (0, len(members)):
            raise ValueError(
                f"class {quoted(label)} has {len(members)} examples: a fraction of {fraction} "
                "leaves one side without any: use a different fraction, or leave that class out"
            )
        test.append(members[permutation(seed, SPLIT, (k,), len(members))[:n_test]])
    chosen = np.sort(np.concatenate(test))
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def stratified_sample(labels: Host | None, n: int, most: int, seed: int = 0) -> Host:
    """Sorted indices of ``most`` of n examples, or of all examples if n ≤ ``most``.

    Every class has its share of the sample, rounded so that each class gets an example if ``most``
    allows it. Without labels, all examples are treated as one class. The order in which a class's
    examples are drawn is determined as in `stratified_split`.
    """
    if most >= n:
        return np.arange(n)
    if labels is None:
        return np.sort(permutation(seed, SPLIT, (), n)[:most])
    order = np.empty(n)  # rank of the i-th example drawn of a class's N_k: (i − ½)/N_k; 0 if i = 1
    for k, label in enumerate(np.unique(labels).tolist()):
        members = np.flatnonzero(labels == label)
        drawn = members[permutation(seed, SPLIT, (k,), len(members))]
        order[drawn] = (np.arange(len(members)) + 0.5) / len(members)
        order[drawn[0]] = 0.0
    return np.sort(np.argsort(order, kind="stable")[:most])


def folds(labels: Host | None, n: int, k: int, seed: int = 2) -> list[Host]:
    """K parts of n rows, each sorted; every class is spread over the parts as evenly as it can be.

    Raises
    ------
    ValueError
        There are fewer rows than parts.
    """
    if n < k:
        raise ValueError(f"{n} rows are too few for {k} parts")
    order = permutation(seed, SPLIT, (), n)
    if labels is not None:  # one class after another, each in random order
        order = order[np.argsort(labels[order], kind="stable")]
    return [np.sort(order[i::k]) for i in range(k)]

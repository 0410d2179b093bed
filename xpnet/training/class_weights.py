"""Weights of examples from weights of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.checks import as_array, is_integer
from xpnet.errors import quoted
from xpnet.ranges import check_not_negative
from xpnet.typing import ArrayLike, Host

__all__ = ["class_weights"]


def class_weights(labels: ArrayLike, class_weight: Any, n_classes: int) -> Host:
    """Each example's weight, which is that of its class: (N,) float64 on the host.

    The weights multiply dZ_L once, as sample weights do. If both are given, their product does.

    Parameters
    ----------
    labels : (N,) or (N, 1) integers in 0 … n_classes − 1
    class_weight : dict, "balanced" or None
        {class: weight ≥ 0}; a class that is not in the dict has weight 1. "balanced": N / (K N_c),
        as in scikit-learn, with N_c examples of class c and K classes that occur. Every class then
        has the same total weight, and the mean weight is 1. None: ones.
    n_classes : int
        2 if the network has one output.

    Raises
    ------
    ValueError, TypeError
        An unknown class, a weight that is negative or not finite, or any other setting.

    Examples
    --------
    >>> from xpnet.training.class_weights import class_weights
    >>> class_weights([0, 0, 0, 1], "balanced", 2).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    >>> class_weights([0, 2, 1], {2: 5.0}, 3).tolist()
    [1.0, 5.0, 1.0]
    """
    found = _labels(labels, n_classes)
    if class_weight is None:
        return np.ones(found.shape)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f'class_weight must be a dict or "balanced", got {quoted(class_weight)}'
            )
        return np.take(_balanced(found, n_classes), found)
    if not isinstance(class_weight, Mapping):
        raise TypeError(f'class_weight must be a dict or "balanced", got {quoted(class_weight)}')
    return np.take(_from_mapping(class_weight, n_classes), found)


def _labels(labels: ArrayLike, n_classes: int) -> Host:
    """The labels as (N,) integers in range, on the host."""
    labels = as_array("labels", labels)
    shape = tuple(labels.shape)
    if not is_integer(labels) or len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        raise ValueError(
            f"class_weight needs one integer class label for each example, got {labels.dtype} of "
            f"shape {shape}: give sample_weight instead"
        )
    found = to_numpy(labels).reshape(-1).astype(np.int64)
    if len(found) and not 0 <= found.min() <= found.max() < n_classes:
        worst = found.min() if found.min() < 0 else found.max()
        raise ValueError(f"class labels must lie in 0 … {n_classes - 1}, got {worst}")
    return found


def _balanced(labels: Host, n_classes: int) -> Host:
    counts = np.bincount(labels, minlength=n_classes)
    return len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1.0))


def _from_mapping(class_weight: Mapping[Any, Any], n_classes: int) -> Host:
    weights = np.ones(n_classes)
    for c, weight in class_weight.items():
        if not isinstance(c, (int, np.integer)) or not 0 <= c < n_classes:
            raise ValueError(
                f"class_weight has the class {quoted(c)}, but the classes are 0 … {n_classes - 1}"
            )
        check_not_negative(f"class_weight[{c}]", weight)
        weights[int(c)] = weight
    return weights

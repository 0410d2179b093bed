"""Check examples, targets and weights, and move X and Y to the network's device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet import checks
from xpnet.backends import Backend, to_numpy
from xpnet.equations.parameters import Layers
from xpnet.losses import LOSSES, Loss
from xpnet.typing import ArrayLike, Host

__all__ = [
    "Examples",
    "OwnRows",
    "examples",
    "features",
    "infer_loss",
    "infer_widths",
    "is_classes",
]


class OwnRows(NamedTuple):
    """The rows of X that are the examples of each network of a stack.

    Attributes
    ----------
    rows : tuple of R integer arrays (N_r,)
        Network r's example i is row rows[r][i] of X.
    w : tuple of R float64 arrays (N_r,), or None for ones
        On the host. Examples of weight 0 are left out.
    units : tuple of R float, or None for ones
        The factors in w, as `Examples.unit`.
    """

    rows: tuple[Host, ...]
    w: tuple[Host, ...] | None = None
    units: tuple[float, ...] | None = None

    def kept(self, r: int) -> Host:
        """The numbers of network r's examples whose weight is above 0."""
        return np.arange(len(self.rows[r])) if self.w is None else np.flatnonzero(self.w[r])

    def take(self, numbers: Sequence[Host]) -> OwnRows:
        """Network r's examples with these numbers, as its new examples 0, 1, …"""
        rows, w = (
            parts and tuple(x[number] for x, number in zip(parts, numbers, strict=True))
            for parts in (self.rows, self.w)
        )
        return self._replace(rows=rows or (), w=w)

    def filled(self) -> tuple[Host, Host | None]:
        """Rows and weights as arrays (R, M); shorter ones repeat their first row at weight 0."""
        lengths = np.asarray([len(rows) for rows in self.rows])
        M = int(lengths.max())
        numbers = [np.where(np.arange(M) < n, np.arange(M), 0) for n in lengths]
        rows, w, _ = self.take(numbers)
        there = np.arange(M) < lengths[:, None]
        if w is None:
            return np.stack(rows), None if there.all() else there * 1.0
        return np.stack(rows), np.stack(w) * there


class Examples(NamedTuple):
    """The data that the passes and the training loop take.

    Attributes
    ----------
    X : (N, n_0)
    Y : (N,) labels, or (N, n_L)
    w : (N,) float64 on the host, or None
    classes : bool
        Whether Y was given as classes, so that an accuracy is meaningful.
    single : bool
        Whether X was one example (n_0,).
    own : OwnRows or None
        The examples of each network, if they do not share all rows of X and Y. Then w is None.
    unit : float
        The factor in w: the weights that the user gave are w / unit.
    """

    X: Any
    Y: Any
    w: Host | None
    classes: bool
    single: bool = False
    own: OwnRows | None = None
    unit: float = 1.0


def examples(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    dtype: str,
    X: ArrayLike,
    Y: ArrayLike,
    sample_weight: ArrayLike | None = None,
) -> Examples:
    """Check and convert the data and move it to the device; one example is a batch of one."""
    width = layers[-1].fan_out
    with backend.context():
        X, single = features(backend, layers, dtype, X)
        N = X.shape[0]
        classes = is_classes(loss, Y)
        Y = checks.targets(backend, Y, loss, N, single, width, dtype)
        w, unit = checks.example_weights(sample_weight, N, dtype)
        return Examples(X, Y, w, classes, single, unit=unit)


def features(backend: Backend, layers: Layers, dtype: str, X: ArrayLike) -> tuple[Any, bool]:
    """X (N, n_0) on the device, and whether it was one example; an embedding checks X too."""
    X, single = checks.features(backend, X, layers[0].fan_in, dtype)
    if layers[0].kind == "embedding":
        with backend.context():
            layers[0].check(backend, X)
    return X, single


def is_classes(loss: Loss, Y: ArrayLike) -> bool:
    """Whether Y are classes, so that an accuracy is meaningful."""
    takes_classes = loss.targets in ("labels", "head labels", "probabilities")
    return takes_classes and checks.is_integer(checks.as_array("Y", Y))


def infer_loss(Y: ArrayLike) -> Loss:
    """Choose cross_entropy for integer targets, mean_squared_error for others."""
    return LOSSES[
        "cross_entropy" if checks.is_integer(checks.as_array("Y", Y)) else "mean_squared_error"
    ]


def infer_widths(
    X: ArrayLike, Y: ArrayLike, loss: Loss | None, classes: tuple[str, ...] | None
) -> tuple[int, int]:
    """The widths n_0, columns of X, and n_L, classes in Y or outputs that the loss needs."""
    X, Y = checks.as_array("X", X), checks.as_array("Y", Y)
    if len(X.shape) != 2 or 0 in X.shape:
        raise ValueError(f"X must be (examples, features), got the shape {tuple(X.shape)}")
    if len(Y.shape) not in (1, 2) or 0 in Y.shape:
        raise ValueError(f"Y must be (examples,) or (examples, outputs), got {tuple(Y.shape)}")
    for_labels = checks.is_integer(Y) if loss is None else loss.targets == "labels"
    if for_labels and Y.shape[1:] == (1,):
        raise checks.column_of_labels(tuple(Y.shape))
    labels = len(Y.shape) == 1 and checks.is_integer(Y)
    if labels and (loss is None or loss.targets == "labels"):
        return X.shape[1], _at_least_two(len(classes) if classes else _classes(to_numpy(Y)))
    if len(Y.shape) == 1 and loss is not None and loss.targets == "labels":
        raise ValueError(
            f"class labels must be integers, got dtype {Y.dtype}: convert them, or name a loss for "
            "numbers"
        )
    columns = Y.shape[1] if len(Y.shape) == 2 else 1
    return X.shape[1], columns if loss is None else loss.n_outputs(columns)


def _at_least_two(n: int) -> int:
    if n < 2:
        raise ValueError(
            "all labels in Y are the same, so there is nothing to learn: give sizes if there "
            "are classes that Y lacks"
        )
    return n


def _classes(labels: Host) -> int:
    """One more than the largest label."""
    lowest, n = int(labels.min()), int(labels.max()) + 1
    if lowest < 0:
        raise ValueError(f"class labels must not be negative, got {lowest}")
    if n > max(checks.MANY_CLASSES, len(labels)):
        raise ValueError(
            f"class labels up to {n - 1} would need {n} outputs: number the classes 0, 1, … , "
            "name a loss for numbers, or give sizes"
        )
    return n

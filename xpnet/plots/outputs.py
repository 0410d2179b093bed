"""A network's predictions on the host: classes with probabilities, or quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.backends import to_numpy
from xpnet.checks import labels_on_host, without_nan
from xpnet.checks.inputs import examples
from xpnet.losses import Loss
from xpnet.metrics import predictions
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network.predictions import NetworkPasses

__all__ = [
    "Classified",
    "answers",
    "class_names",
    "classified",
    "is_for_classes",
    "labels_of",
    "loss_of",
    "quantities",
]


_AT_ONCE = 8192  # examples in a batch of predictions


class Classified(NamedTuple):
    """Labels and predictions of one classification.

    Attributes
    ----------
    probabilities : (N, K) float64
    labels, predicted : (N,) int64
        True and likeliest classes, 0 … K − 1.
    names : tuple of str
        Names of the K classes.
    """

    probabilities: Host
    labels: Host
    predicted: Host
    names: tuple[str, ...]


def classified(
    net: NetworkPasses, X: ArrayLike, Y: ArrayLike, given_names: Sequence[Any] | None = None
) -> Classified:
    """Return probabilities and labels, without the examples whose label is missing (masked loss).

    Raises
    ------
    ValueError
        If the targets are numbers, several labels or several heads, or if outputs are NaN.
    """
    loss, X, Y = _checked(net, X, Y)
    _check_is_one_classification(loss, net.sizes[-1])
    A = answers(net, loss, X)
    if Y.ndim == 2:
        there = ~np.isnan(Y).any(axis=1)
        A, Y = A[there], Y[there]
        Y = Y[:, 0] > 0.5 if Y.shape[1] == 1 else Y.argmax(axis=1)
    A = without_nan(A)
    names = class_names(given_names, net.classes, A.shape[1])
    return Classified(A, Y.astype(np.int64), A.argmax(axis=1), names)


def quantities(net: NetworkPasses, X: ArrayLike, Y: ArrayLike) -> tuple[Host, Host]:
    """Return targets and predictions of a loss for numbers, both (N, n_targets) float64.

    Raises
    ------
    ValueError
        If the loss is for classes.
    """
    loss, X, Y = _checked(net, X, Y)
    if is_for_classes(loss):
        raise ValueError(
            f"loss {loss.name!r} is for classes, so no quantity is predicted: use "
            "ConfusionDisplay or CalibrationDisplay"
        )
    n, A = Y.shape[1], answers(net, loss, X)
    return Y, A[:, loss.point * n : (loss.point + 1) * n]


def loss_of(net: NetworkPasses, Y: ArrayLike) -> Loss:
    """Return the network's loss; if it is undecided, the one that targets like Y require."""
    return net.decided_by(net.encode(Y))[1]


def is_for_classes(loss: Loss) -> bool:
    """Whether a loss is for class labels, of one head or several."""
    return loss.targets in ("labels", "probabilities", "head labels")


def answers(net: NetworkPasses, loss: Loss, X: ArrayLike) -> Host:
    """Return the predictions, (N, n_L) float64; logits are turned into probabilities.

    A single output for classes becomes the probabilities of two classes, (N, 2).
    """
    A = to_numpy(net.predict(X, _AT_ONCE)).astype(np.float64)
    activation = net.layers[-1].activation
    if activation.name == "identity":
        A = to_numpy(predictions(np, loss, activation, A))
    one = is_for_classes(loss) and A.shape[1] == 1
    return np.concatenate([1 - A, A], axis=1) if one else A


def _checked(net: NetworkPasses, X: ArrayLike, Y: ArrayLike) -> tuple[Loss, Any, Host]:
    """Return the loss, X on the device and Y on the host, checked as in `evaluate`."""
    X, Y = net.in_order(X), net.encode(Y)
    layers, loss = net.decided_by(Y)
    data = examples(net.backend, layers, loss, net.dtype, X, Y)
    Y = to_numpy(data.Y)
    return loss, data.X, Y.astype(np.float64) if Y.ndim == 2 else Y


def _check_is_one_classification(loss: Loss, n_outputs: int) -> None:
    several = loss.targets == "probabilities" and n_outputs > 1
    if loss.heads or several or not is_for_classes(loss):
        what = "has several heads" if loss.heads else "predicts no single class"
        raise ValueError(
            f"loss {loss.name!r} with {n_outputs} outputs {what}: give from_predictions the "
            "labels of one, or use PredictionErrorDisplay for numbers"
        )


def class_names(
    given: Sequence[Any] | None, met: tuple[str, ...] | None, n: int
) -> tuple[str, ...]:
    """Return the names as given, those of the network's text labels, or numbers."""
    names = tuple(map(str, given if given is not None else met or range(n)))
    if len(names) != n:
        raise ValueError(f"class_names must have {n} names, one for each class, got {len(names)}")
    return names


def labels_of(name: str, Y: ArrayLike) -> Host:
    """Return (N,) labels, integers or text, on the host."""
    labels = labels_on_host(name, Y)
    if labels.dtype.kind == "f":
        raise ValueError(
            f"{name} must be labels (N,), integers or text, got shape {labels.shape} and dtype "
            f"{labels.dtype}"
        )
    return labels

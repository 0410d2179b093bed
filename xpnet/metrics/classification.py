"""Accuracy, top-k accuracy, F1 and AUC.

The predicted class is that of the largest output, or of the first among equal ones. With one
output, and for each label of a multilabel target (`binary_cross_entropy`), class 1 is predicted if
its probability is above ½.

    accuracy           Σ w [ŷ = y] / Σ w; with several labels or heads, the share of right ones
                       replaces [ŷ = y]
    top_k_accuracy     Σ w [fewer than k outputs rank before the label's] / Σ w
    f1                 2 TP / (2 TP + FP + FN) of each class, then the mean over classes (macro),
                       then the mean over heads
    auc                P(a⁺ > a⁻) + ½ P(a⁺ = a⁻) for a positive and a negative example

With a masked loss, a missing label is NaN in Y, or −1 for a head's label. It is left out, and an
example without any label has no weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.equations.sums import cumulative, total
from xpnet.errors import quoted
from xpnet.losses import Loss
from xpnet.losses.heads import head_slices
from xpnet.metrics.metric import (
    Metric,
    added,
    batch_weights,
    made_again,
    ratio,
    weighted_sums,
)
from xpnet.ranges import is_choice, positive_integer
from xpnet.typing import Array, Host, Namespace

__all__ = ["AUC", "F1", "Accuracy", "TopKAccuracy"]

_CLASSES = ("labels", "probabilities")


def _is_multilabel(A: Array, loss: Loss | None) -> bool:
    """Whether each column of A is a separate probability."""
    return bool(A.shape[-1] == 1 or (loss is not None and loss.targets == "probabilities"))


def _labels(xp: Namespace, A: Array, Y: Array, loss: Loss | None) -> tuple[Array, Array]:
    """Predicted and true classes, (..., N, labels)."""
    if loss is not None and loss.heads:
        found = [xp.argmax(A[..., h], axis=-1) for h in head_slices(loss.heads)]
        return xp.stack(found, axis=-1), Y
    if Y.ndim < A.ndim:
        Y = Y[..., None]
        return (A > 0.5, Y > 0) if A.shape[-1] == 1 else (xp.argmax(A, axis=-1, keepdims=True), Y)
    if _is_multilabel(A, loss):
        return A > 0.5, Y > 0.5
    return xp.argmax(A, axis=-1, keepdims=True), xp.argmax(Y, axis=-1, keepdims=True)


def _there(xp: Namespace, A: Array, Y: Array, loss: Loss | None) -> Array:
    """1 for a label that is present, else 0: (..., N, labels), or (..., N, 1) if all are present.

    Only a masked loss has missing labels. They are NaN or −1, and neither is ≥ 0.
    """
    if loss is None or not loss.masked:
        return xp.ones_like(A[..., :1])
    return xp.astype(Y >= 0, A.dtype)


def _mean(parts: Host) -> Host:
    sums = added(parts)
    return ratio(sums[..., 0], sums[..., 1])


@made_again
def Accuracy() -> Metric:
    """The share of right predictions; with several labels or heads, of those that are present."""

    def statistics(xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> Array:
        found, true = _labels(xp, A, Y, loss)
        there = xp.broadcast_to(_there(xp, A, Y, loss), found.shape)
        n = xp.sum(there, axis=-1)
        right = xp.sum(there * xp.astype(found == true, A.dtype), axis=-1) / xp.maximum(n, 1.0)
        return weighted_sums(xp, batch_weights(xp, A, w) * xp.astype(n > 0, A.dtype), right)

    return Metric("accuracy", statistics, _mean, (*_CLASSES, "head labels"))


@made_again
def TopKAccuracy(k: int = 5) -> Metric:
    """The share of examples whose label is among the k largest outputs.

    Among equal outputs, the one with the smaller index ranks first, so that k = 1 is the accuracy.
    """
    k = positive_integer("k", k)

    def statistics(xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> Array:
        y = (Y if Y.ndim < A.ndim else xp.argmax(Y, axis=-1))[..., None]
        columns = _count_up(xp, A, A.shape[-1])
        a_y = xp.sum(xp.where(columns == y, A, 0.0), axis=-1, keepdims=True)
        before = (a_y < A) | ((a_y == A) & (columns < y))
        rank = xp.sum(xp.astype(before, A.dtype), axis=-1)
        return weighted_sums(xp, batch_weights(xp, A, w), xp.astype(rank < k, A.dtype))

    return Metric("top_k_accuracy", statistics, _mean, ("labels",))


def _count_up(xp: Namespace, A: Array, n: int) -> Array:
    return xp.arange(n, device=getattr(A, "device", None))


# --- F1


@made_again
def F1(average: str = "macro") -> Metric:
    """2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall.

    Parameters
    ----------
    average : {"macro", "binary"}
        "macro": the mean over the classes that occur among targets or predictions; for a multilabel
        target, the mean over all its labels, with 0 for a label that never occurs. "binary": the F1
        of class 1 only, for two classes; 0 if neither targets nor predictions have that class. Both
        as in scikit-learn. With several heads, it is the mean of the heads' values.
    """
    if not is_choice(average, ("macro", "binary")):
        raise ValueError(f'average must be "macro" or "binary", got {quoted(average)}')

    def statistics(xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> Array:
        heads = _columns_of_heads(xp, A, loss, average)
        found, true = (_one_hot(xp, A, x, loss, heads) for x in _labels(xp, A, Y, loss))
        there = _spread(xp, _there(xp, A, Y, loss), heads)
        w = batch_weights(xp, A, w)[..., None] * there
        counts = [found & true, found & ~true, ~found & true]
        sums = [total(xp, w * xp.astype(c, A.dtype), -2) for c in counts]
        counted = xp.full_like(sums[0], float(_keeps_all(A, loss, average)))
        numbers = [xp.full_like(sums[0][..., : c.shape[0]], h) for h, c in enumerate(heads)]
        return xp.concat([*sums, counted, xp.concat(numbers, axis=-1)], axis=-1)

    return Metric("f1", statistics, _f1, (*_CLASSES, "head labels"))


def _keeps_all(A: Array, loss: Loss | None, average: str) -> bool:
    """Whether a class that never occurs counts with F1 = 0."""
    return average == "binary" or (A.shape[-1] > 1 and _is_multilabel(A, loss))


def _columns_of_heads(xp: Namespace, A: Array, loss: Loss | None, average: str) -> list[Array]:
    """The classes that count, one array for each head; for a multilabel target, its labels."""
    if A.shape[-1] > 1 and _is_multilabel(A, loss):
        return [_count_up(xp, A, A.shape[-1])]
    sizes = (loss.heads if loss else ()) or (max(2, A.shape[-1]),)
    if average == "binary" and max(sizes) > 2:
        raise ValueError(
            f'F1("binary") is for two classes, but there are {max(sizes)}: use "macro"'
        )
    return [_count_up(xp, A, n)[1 if average == "binary" else 0 :] for n in sizes]


def _one_hot(xp: Namespace, A: Array, labels: Any, loss: Loss | None, heads: list[Any]) -> Array:
    """Whether each class of ``heads`` is the label, (..., N, classes)."""
    if A.shape[-1] > 1 and _is_multilabel(A, loss):
        return labels
    parts = [
        xp.astype(labels[..., h : h + 1], columns.dtype) == columns
        for h, columns in enumerate(heads)
    ]
    return xp.concat(parts, axis=-1)


def _spread(xp: Namespace, there: Any, heads: list[Any]) -> Array:
    """Repeat each head's column of ``there`` for all its classes; a single column stays one."""
    if len(heads) == 1 or there.shape[-1] == 1:
        return there
    parts = [
        xp.broadcast_to(there[..., h : h + 1], (*there.shape[:-1], columns.shape[0]))
        for h, columns in enumerate(heads)
    ]
    return xp.concat(parts, axis=-1)


def _f1(parts: Host) -> Host:
    """The mean over the heads of the mean over a head's classes."""
    TP, FP, FN, counted, _ = np.split(added(parts), 5, axis=-1)
    head = np.nan_to_num(np.split(parts[0], 5, axis=-1)[-1])  # the same in every batch
    scores = ratio(2.0 * TP, 2.0 * TP + FP + FN, 0.0)
    counts = (counted > 0) | (TP + FP + FN > 0)
    means = [
        ratio((scores * counts * (head == h)).sum(axis=-1), (counts * (head == h)).sum(axis=-1))
        for h in range(int(head.max()) + 1)
    ]
    some = ~np.isnan(means)  # a head without any label has no mean
    return ratio(np.where(some, means, 0.0).sum(axis=0), some.sum(axis=0))


# --- AUC


@made_again
def AUC() -> Metric:
    """The area under the ROC curve of two classes, from ranks; a pair of equal outputs counts ½.

    It is NaN if only one class occurs. With weights, each pair of examples counts by the product of
    its two weights. Weights are first divided by the largest, so that equal weights become 1. The
    metric needs all outputs at once (``whole``). A target probability above ½ means class 1.
    """
    return Metric("auc", _auc_statistics, _mean, _CLASSES, whole=True)


def _auc_statistics(xp: Namespace, A: Array, Y: Array, w: Array, loss: Loss | None) -> Array:
    """Σ over pairs of w⁺ w⁻ ([a⁺ > a⁻] + ½ [a⁺ = a⁻]), and Σ w⁺ Σ w⁻."""
    scores, true = _scores(xp, A, Y)
    w = batch_weights(xp, A, w) * _there(xp, A, Y, loss)[..., 0]
    largest = xp.max(w, axis=-1, keepdims=True)
    w = w / xp.where(largest > 0, largest, 1.0)
    positive = w * xp.astype(true, w.dtype)
    arrays = scores, positive, w - positive
    if scores.ndim == 1:
        return _pairs(xp, *arrays)
    flat = [xp.reshape(x, (-1, x.shape[-1])) for x in arrays]
    stacked = [_pairs(xp, *(x[r, :] for x in flat)) for r in range(flat[0].shape[0])]
    return xp.reshape(xp.stack(stacked), (*scores.shape[:-1], 2))


def _scores(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
    """The output for class 1, and whether the true class is 1, both (..., N)."""
    if A.shape[-1] > 2 or (A.shape[-1] == 2 and Y.ndim == A.ndim):
        raise ValueError(
            "auc is for one output, or two and integer labels; these outputs are "
            f"{tuple(A.shape)} and the targets {tuple(Y.shape)}"
        )
    return A[..., -1], (Y > 0 if Y.ndim < A.ndim else Y[..., 0] > 0.5)


def _pairs(xp: Namespace, scores: Any, positive: Any, negative: Any) -> Array:
    """The two sums for (N,) scores and weights, from the weight of negatives below each score."""
    order = xp.argsort(scores)
    scores, positive, negative = (xp.take(x, order, axis=0) for x in (scores, positive, negative))
    below = xp.concat([xp.zeros_like(negative[:1]), cumulative(xp, negative)])
    left, right = (xp.searchsorted(scores, scores, side=side) for side in ("left", "right"))
    wins = (xp.take(below, left, axis=0) + xp.take(below, right, axis=0)) * 0.5
    return xp.stack([total(xp, positive * wins), total(xp, positive) * below[-1]])

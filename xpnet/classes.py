"""Class labels as text: numbered for the passes, and given back as they came."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.losses import Loss
from xpnet.losses.heads import head_slices

__all__ = ["check_outputs", "decide", "encode", "find_classes"]


def _text(Y: Any) -> np.ndarray[Any, Any] | None:
    """Y as a host array of text, or None where it holds anything else."""
    if hasattr(Y, "dtype") and not _may_be_text(Y):
        return None
    try:
        host = to_numpy(Y)
    except (TypeError, ValueError):
        return None
    if host.dtype.kind in "US":
        return host.astype(str)
    is_text = (
        host.dtype.kind in "OT" and host.size > 0 and all(isinstance(y, str) for y in host.flat)
    )
    return host.astype(str) if is_text else None


def _may_be_text(Y: Any) -> bool:
    name = str(Y.dtype).lower()
    return name.startswith(("<u", ">u", "|s", "object", "str", "string", "category"))


def find_classes(Y: Any) -> tuple[str, ...] | None:
    """The different labels, sorted, where they are text; else None."""
    text = _text(Y)
    return None if text is None else tuple(np.unique(text).tolist())


def encode(Y: Any, classes: tuple[str, ...] | None) -> Any:
    """The number of each label; what is no text is returned as it is.

    Raises
    ------
    ValueError, TypeError
        Labels as text that no fit has met, or before one has met any.
    """
    text = _text(Y)
    if text is None:
        return Y
    if classes is None:
        raise TypeError(
            f"Y must hold real numbers, got dtype {text.dtype}: labels as text are numbered by a "
            "network's first fit, with a loss for classes"
        )
    known = np.asarray(classes)
    codes = np.minimum(np.searchsorted(known, text), len(known) - 1)
    if np.any(known[codes] != text):
        new = np.unique(text[known[codes] != text]).tolist()
        raise ValueError(f"unknown class {new[0]!r}: the network knows {', '.join(classes)}")
    return codes


def check_outputs(classes: tuple[str, ...], loss: Loss, n_outputs: int) -> None:
    """As many classes as outputs, where each class has one: none is predicted that has no name."""
    if loss.targets == "labels" and len(classes) < n_outputs:
        raise ValueError(
            f"the labels have {len(classes)} classes ({', '.join(classes)}), but the output has "
            f"{n_outputs} units: make it {len(classes)}"
        )


def decide(A: np.ndarray[Any, Any], loss: Loss | None, threshold: float) -> np.ndarray[Any, Any]:
    """The class (N,) that outputs A (N, n_L) stand for; for heads or several labels, (N, labels).

    Raises
    ------
    ValueError
        One output of a loss for numbers.
    """
    if loss is not None and loss.heads:
        found = [A[..., head].argmax(axis=-1) for head in head_slices(loss.heads)]
        return np.stack(found, axis=-1)
    if loss is not None and loss.targets == "probabilities":
        codes = np.greater(A, threshold).astype(np.int64)
        return np.asarray(codes[..., 0] if A.shape[-1] == 1 else codes)
    if A.shape[-1] > 1:
        return np.asarray(A.argmax(axis=-1))
    if loss is not None and loss.targets != "labels":
        raise ValueError(
            f"loss {loss.name!r} is for numbers, so an output stands for no class: call "
            'predict, or name a loss for classes, such as "binary_cross_entropy"'
        )
    return (A[..., 0] > threshold).astype(np.int64)

"""Class labels as text: numbered for the passes, and given back as they came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.losses import Loss
from xpnet.losses.heads import head_slices

__all__ = ["check_outputs", "decide", "encode", "encode_weights", "find_classes"]


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
        raise ValueError(f"unknown class {new[0]!r}: the network knows {shown(classes)}")
    return codes


def check_outputs(classes: tuple[str, ...], loss: Loss, n_outputs: int) -> None:
    """As many classes as outputs, where each class has one: none is predicted that has no name."""
    n, told = len(classes), f"the labels have {len(classes)} classes ({shown(classes)})"
    if loss.targets == "labels" and n != n_outputs:
        raise ValueError(
            f"{told}, but the output has {n_outputs} units: make the last width {n} (sizes[-1])"
        )
    if loss.targets == "probabilities" and n_outputs == 1 and n > 2:
        raise ValueError(
            f"{told}, but the one output of loss {loss.name!r} tells two apart: take "
            f'loss="cross_entropy" and a last width of {n} (sizes[-1])'
        )


def encode_weights(class_weight: Mapping[Any, Any], classes: tuple[str, ...]) -> dict[int, Any]:
    """The weights by the classes' numbers, from those by their names.

    Raises
    ------
    ValueError
        A key that is no class's name; a number is none, also where it is a class's place.
    """
    for key in class_weight:
        if not isinstance(key, str) or key not in classes:
            raise ValueError(
                f"class_weight has the class {key!r}, but the labels are text: name the classes "
                f"as they are, {shown(classes)}"
            )
    return {classes.index(key): weight for key, weight in class_weight.items()}


def shown(classes: tuple[str, ...], most: int = 10) -> str:
    """The names for a message, the first few of many."""
    names = ", ".join(classes[:most])
    return names if len(classes) <= most else f"{names}, … ({len(classes)} in all)"


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

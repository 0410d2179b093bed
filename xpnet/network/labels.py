"""Class labels as text: they are numbered for the passes, and predicted as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xpnet import checks
from xpnet.backends import to_numpy
from xpnet.errors import printable, quoted
from xpnet.losses import Loss
from xpnet.losses.heads import head_slices
from xpnet.ranges import items
from xpnet.typing import ArrayLike, Host

__all__ = [
    "check_loss",
    "check_outputs",
    "decide",
    "encode",
    "encode_weights",
    "find_classes",
    "given_classes",
    "has_names",
    "shown",
]


def has_names(loss: Loss | None) -> bool:
    """Whether targets of the loss may be text; they may if the loss is not decided yet."""
    return loss is None or loss.targets in ("labels", "probabilities")


def _text(Y: ArrayLike) -> Host | None:
    """Y as a host array of text, or None if it holds anything else.

    Raises
    ------
    ValueError, TypeError
        A label is missing or masked, or text and numbers are mixed.
    """
    checks.check_unmasked("Y", Y)
    if checks.is_array(Y) and getattr(Y.dtype, "kind", "") not in "USTO":
        return None
    try:
        host = to_numpy(Y)
    except Exception:  # `checks.as_array` raises the right error later
        return None
    if host.dtype.kind in "US" and isinstance(Y, (list, tuple)):
        host = np.asarray(Y, dtype=object)  # NumPy would turn None, NaN and numbers into text
    if host.dtype.kind == "S":
        return _decoded(host)
    if host.dtype.kind == "U":
        return host
    return _text_of_objects(host) if host.dtype.kind in "OT" and host.size else None


def _text_of_objects(host: Host) -> Host | None:
    """Text from cells of any kind; None if the first cell that is not missing is no text."""
    cells = host.astype(object).reshape(-1).tolist()
    first = next((cell for cell in cells if not checks.is_missing(cell)), None)
    if isinstance(first, bytes):
        return _decoded(host)
    if not isinstance(first, str):
        return None
    checks.check_present("Y", host, "label")
    for n, cell in enumerate(cells):
        if not isinstance(cell, str):
            raise TypeError(
                f"Y mixes text and other kinds: label {n} is {quoted(cell)}, another is "
                f"{quoted(first)}: convert all to text, such as [str(y) for y in Y]"
            )
    return host.astype(object).astype(str)


def _decoded(host: Host) -> Host:
    """Text from bytes, which must be ASCII."""
    try:
        return host.astype("S").astype(str)
    except (UnicodeError, ValueError) as error:
        raise ValueError(
            'Y holds bytes that are not ASCII: decode them, such as [y.decode("utf-8") for y in Y]'
        ) from error


def find_classes(Y: ArrayLike) -> tuple[str, ...] | None:
    """The different labels, sorted, if they are text; else None."""
    text = _text(Y)
    return None if text is None else tuple(np.unique(text).tolist())


def encode(Y: ArrayLike, classes: tuple[str, ...] | None) -> Any:
    """Return the number of each label; labels that are not text are returned unchanged.

    Raises
    ------
    ValueError, TypeError
        A label as text that is none of the classes, or text while the network has no classes.
    """
    text = _text(Y)
    if text is None:
        return Y
    if classes is None:
        raise TypeError(
            f"Y must hold real numbers, got dtype {text.dtype}: text labels are "
            "numbered by a network's first fit, with a loss for classes"
        )
    known = np.asarray(classes)
    order = np.argsort(known, kind="stable")  # given classes may be in any order
    codes = order[np.minimum(np.searchsorted(known, text, sorter=order), len(known) - 1)]
    if np.any(known[codes] != text):
        new = np.unique(text[known[codes] != text]).tolist()
        raise ValueError(
            f"unknown class {quoted(new[0])}: the network knows {shown(classes)}. If some are "
            "missing in the first fit, name all of them, xpnet.Network(classes=(…))"
        )
    return codes


def given_classes(classes: Any, loss: Loss | None) -> tuple[str, ...] | None:
    """Check and return the class names that a user gives, in the order of the outputs.

    Raises
    ------
    TypeError
        Not a sequence of text. Labels that are integers are numbered already, and have no names.
    ValueError
        Fewer than two names, or a name twice; a loss that is not for classes.
    """
    if classes is None:
        return None
    what = (
        'classes must be the names of the labels in the order of the outputs, such as ("cat", '
        '"dog")'
    )
    names = items(what, None if isinstance(classes, (set, frozenset)) else classes)
    for k, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(
                f"classes[{k}] must be text, got {quoted(name)}: labels that are integers need no "
                "names, give the number of classes as the last width (sizes[-1])"
            )
    found = tuple(map(str, names))
    twice = next((name for k, name in enumerate(found) if name in found[:k]), None)
    if len(found) < 2 or twice is not None:
        what = f"got {quoted(twice)} more than once" if len(found) > 1 else f"got {len(found)}"
        raise ValueError(f"classes must be two or more different names, {what}")
    check_loss(found, loss)
    return found


def check_loss(classes: tuple[str, ...] | None, loss: Loss | None) -> None:
    """Raise ValueError if there are classes but the loss is not for one label an example."""
    if classes is not None and loss is not None and not has_names(loss):
        raise ValueError(
            f"loss {loss.name!r} does not take one label for each example, so classes have no "
            'meaning: leave classes out, or use loss="cross_entropy"'
        )


def check_outputs(classes: tuple[str, ...], loss: Loss, n_outputs: int) -> None:
    """Raise ValueError unless the number of classes fits the loss and its outputs.

    Otherwise a class without a name could be predicted.
    """
    check_loss(classes, loss)
    n, told = len(classes), f"there are {len(classes)} classes ({shown(classes)})"
    if loss.targets == "labels" and n != n_outputs:
        lacks = f"name all {n_outputs} of them in order, xpnet.Network(classes=(…)), or "
        raise ValueError(
            f"{told}, but the output has {n_outputs} units: {lacks if n < n_outputs else ''}make "
            f"the last width {n} (sizes[-1])"
        )
    if loss.targets == "probabilities" and n_outputs == 1 and n > 2:
        raise ValueError(
            f"{told}, but the one output of loss {loss.name!r} distinguishes only two: use "
            f'loss="cross_entropy" and a last width of {n} (sizes[-1])'
        )


def encode_weights(class_weight: Mapping[Any, Any], classes: tuple[str, ...]) -> dict[int, Any]:
    """Turn weights by class name into weights by class number.

    Raises
    ------
    ValueError
        A key that is not the name of a class, such as the number of one.
    """
    for key in class_weight:
        if not isinstance(key, str) or key not in classes:
            raise ValueError(
                f"class_weight has the class {quoted(key)}, but the labels are text: name the "
                f"classes as they are, {shown(classes)}"
            )
    return {classes.index(key): weight for key, weight in class_weight.items()}


def shown(classes: tuple[str, ...], most: int = 10) -> str:
    """The names for a message, at most the first ``most``."""
    names = ", ".join(printable(name, 40) for name in classes[:most])
    return names if len(classes) <= most else f"{names}, … ({len(classes)} in all)"


def decide(A: Host, loss: Loss | None, threshold: float) -> Host:
    """The classes (N,) that outputs A (N, n_L) predict; for heads or several labels, (N, labels).

    Raises
    ------
    ValueError
        The loss is for numbers, and there is one output.
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
            f"loss {loss.name!r} is for numbers, so its outputs are not classes: call predict, "
            'or name a loss for classes, such as "binary_cross_entropy"'
        )
    return (A[..., 0] > threshold).astype(np.int64)

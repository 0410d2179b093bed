"""Exception classes, and the wording of messages that several modules share."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from xpnet.pickles import made_by

__all__ = [
    "CheckpointError",
    "DivergenceError",
    "FileError",
    "counted",
    "look_up",
    "nearest",
    "of_validation",
    "printable",
    "quoted",
    "unknown_name",
    "warn",
]

T = TypeVar("T")

_ELSEWHERE = {
    "loss": {
        "mse": "mean_squared_error",
        "l2": "mean_squared_error",
        "mae": "absolute_error",
        "l1": "absolute_error",
        "mean_absolute_error": "absolute_error",
        "pinball": "quantile",
        "bce": "binary_cross_entropy",
        "log_loss": "cross_entropy",
        "ce": "cross_entropy",
        "nll": "cross_entropy",
        "categorical_crossentropy": "cross_entropy",
        "sparse_categorical_crossentropy": "cross_entropy",
    },
    "activation": {
        "logistic": "sigmoid",
        "swish": "silu",
        "linear": "identity",
        "none": "identity",
    },
    "initializer": {"kaiming": "he_uniform", "xavier": "glorot_uniform"},
    "metric": {"acc": "accuracy", "roc_auc": "auc", "mean_absolute_error": "mae"},
}
"""Names in other libraries and the names here, by kind of thing."""


class DivergenceError(ArithmeticError):
    """Raised when the loss, or a statistic that a layer keeps, is no longer finite.

    One such statistic is the running variance of batch normalisation. The network keeps the
    parameters that it had before the fit.

    Attributes
    ----------
    epoch, step : int
        Where it happened. Both count from 1; ``step`` counts within the epoch.
    loss : float
        The value of the loss or of the statistic.
    """

    def __init__(self, epoch: int, step: int, loss: float, what: str = "the loss") -> None:
        super().__init__(
            f"{what} is {loss} in epoch {epoch}, step {step}: lower the learning rate or scale "
            "the inputs; the network has the parameters it had before this fit"
        )
        self.epoch, self.step, self.loss, self._what = epoch, step, loss, what

    def __reduce__(self) -> Any:
        made = made_by(DivergenceError, self.epoch, self.step, self.loss, self._what)
        return *made, self.__dict__  # with notes


class FileError(ValueError):
    """Raised when a file is damaged or of the wrong kind; nothing is built from it."""

    def __reduce__(self) -> Any:
        return *made_by(type(self), *self.args), self.__dict__  # with notes


class CheckpointError(FileError):
    """Raised when a checkpoint is damaged, in use, or of a different run; nothing has changed."""


def printable(text: str, most: int = 200) -> str:
    """Untrusted text, such as from a file, as one line for a message or a terminal.

    Control characters are escaped, and the line is cut to ``most`` characters.

    >>> printable("red\\x1b[31m")
    'red\\\\x1b[31m'
    """
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 1]}…"


def counted(n: int, one: str, many: str = "") -> str:
    """A number of things for a message; ``many`` is the plural, if it is not one more "s".

    >>> counted(1, "class", "classes"), counted(1000, "row")
    ('1 class', '1000 rows')
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def quoted(value: object, most: int = 200) -> str:
    """A value's `repr` for a message, as one line of at most ``most`` characters."""
    try:
        return printable(repr(value), most)
    except (RecursionError, ValueError):  # nested too deeply, or too many digits for Python
        return f"<{type(value).__name__}>"


@contextmanager
def of_validation() -> Iterator[None]:
    """Make the errors of checks in the block say that they concern the validation data."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError):  # other classes take more than a message
            text = str(error)
            begin = "validation " if text.startswith(("X ", "Y ")) else "validation_data: "
            error.args = (begin + text,)
        raise


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most similar to this one, or None."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), n=1)), None)


def unknown_name(kind: str, name: object, known: Mapping[str, object]) -> ValueError:
    """The error for an unknown name; it suggests the most similar known one."""
    plain = (
        printable(name if isinstance(name, str) else quoted(name), 60)
        .lower()
        .replace("-", "_")
        .replace(" ", "_")
    )
    here = _ELSEWHERE.get(kind, {}).get(plain)
    near = here if here in known else nearest(plain, known)
    hint = f"did you mean {near!r}? " if near else ""
    return ValueError(f"unknown {kind} {quoted(name)}: {hint}it must be one of {', '.join(known)}")


def look_up(kind: str, name: object, known: Mapping[str, T]) -> T:
    """``known[name]``; raise an error with the most similar name if there is none."""
    if isinstance(name, str) and name in known:
        return known[name]
    raise unknown_name(kind, name, known)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points at the user's line, however deep in xpnet it arises.

    Frames of scikit-learn, which calls an estimator's methods, are not the user's either.
    """
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and _package(frame) in ("xpnet", "sklearn"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]

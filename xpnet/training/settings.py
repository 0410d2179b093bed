"""The settings of a fit, checked before anything changes.

The table of checks, at the end, has a row for each keyword of `Network.fit` that is a setting; the
optimizer has the learning rate, so one row checks both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from xpnet.equations.penalties import EachPenalty, MaxNorm, Penalty, as_penalty
from xpnet.ranges import (
    check_flag,
    check_learning_rate,
    instance,
    is_count,
    items,
    positive_integer,
)
from xpnet.training.callbacks import Callbacks
from xpnet.training.checkpointing import (
    Every,
    checkpoint_every,
    checkpoint_path,
    overwrite_flag,
    resume_flag,
)
from xpnet.training.early_stopping import EarlyStopping
from xpnet.training.length import FEWEST
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.metrics import Metric

__all__ = ["Carried", "Own", "Settings", "StackKeywords", "as_metrics", "settings"]


class Own(NamedTuple):
    """What a stack's networks have of their own, if they have rows of their own.

    ``rows`` are those given to `Stack.fit`, not yet checked; the ``seeds`` are the networks'.
    """

    rows: Any
    seeds: tuple[int, ...]


class Settings(NamedTuple):
    """The checked settings of a fit; see `Network.fit`.

    Other parts of xpnet set the fields after ``stream``. ``is_open``: the user gave no epochs, so
    `xpnet.training.length.settled` finds their number.
    """

    epochs: int
    batch_size: int | None
    optimizer: Any
    shuffle: bool
    penalty: Penalty | EachPenalty | None
    max_norm: MaxNorm | None
    validation_fraction: float | None
    early_stopping: EarlyStopping | None
    metrics: tuple[Metric, ...]
    callbacks: Callbacks
    progress: bool | None
    compile: bool | None
    stream: bool | None = None
    rates: Any = None  # (R, 1) learning rates, one for each network of a stack
    own: Own | None = None  # if its networks have rows of their own
    is_open: bool = False
    order: Callable[[int], Host] | None = None  # epoch ↦ the examples' order, from an estimator
    carried: Carried | None = None  # the optimizer's state before and after, of an estimator
    checkpoint: str | None = None
    checkpoint_every: Every = Every()
    resume: bool | str = "auto"
    overwrite: bool = False


class Carried:
    """An optimizer's state between fits, which goes on where the last fit ended.

    Attributes
    ----------
    moments : tuple of host arrays, or None
        The optimizer's arrays; None before the first fit.
    t : int
        The number of steps done.
    """

    def __init__(self) -> None:
        self.moments: tuple[Host, ...] | None = None
        self.t = 0


class StackKeywords(TypedDict, total=False):
    """The keywords of `Network.fit` that `Stack.fit` takes too, with the same defaults."""

    epochs: int | None
    batch_size: int | None
    optimizer: Any
    learning_rate: Any
    shuffle: bool
    sample_weight: ArrayLike | None
    class_weight: Mapping[Any, float] | str | None
    penalty: Any
    max_norm: Any
    validation_data: tuple[Any, ...] | None
    validation_fraction: float | None
    early_stopping: Any
    metrics: str | Metric | Sequence[str | Metric]
    callbacks: Any
    progress: bool | None
    compile: bool | None
    checkpoint: str | os.PathLike[str] | None
    checkpoint_every: str | int
    resume: bool | str
    overwrite: bool


def settings(given: Mapping[str, Any]) -> Settings:
    """Check the keywords of a fit, row by row, and return its settings.

    An error says which keyword is wrong. Names without a row, such as X, are left out.
    """
    found = {
        name: row.check(name, given[name], *(given[other] for other in row.others))
        for name, row in _ROWS.items()
    }
    return Settings(**found, is_open=given["epochs"] is None)


def _epochs(name: str, value: Any) -> int:
    """Return the number of epochs; without one, a number for `Settings.is_open` to replace."""
    return FEWEST if value is None else positive_integer(name, value)


def _batch_size(name: str, value: Any) -> int | None:
    return None if value is None else positive_integer(name, value)


def _validation_fraction(name: str, value: Any, data: Any) -> Any:
    """Return it unchanged, for `hold_out` to check; raise ValueError if there are data too."""
    if value is not None and data is not None:
        raise ValueError(f"give validation_data or {name}, not both")
    return value


def _optimizer(_: str, value: Any, learning_rate: Any) -> Any:
    """Return the optimizer with that rate; of two errors, the rate's comes first."""
    from xpnet.optimizers import get_optimizer  # when a fit needs it: `import xpnet` stays short

    if learning_rate is not None:
        check_learning_rate(learning_rate)
    return get_optimizer(value, learning_rate)


def _penalty(_: str, value: Any) -> Penalty | None:
    return as_penalty(value)


def _max_norm(_: str, value: Any) -> MaxNorm | None:
    """Return a `MaxNorm` or None; a number is its limit."""
    if value is None or isinstance(value, MaxNorm):
        return value
    return MaxNorm(value)


def _early_stopping(name: str, value: Any) -> EarlyStopping | None:
    """Return an `EarlyStopping` or None; True means its defaults, an integer its patience."""
    if value is None or value is False:
        return None
    if value is True:
        return EarlyStopping()
    if is_count(value):
        return EarlyStopping(patience=value)
    found: EarlyStopping = instance(
        name, value, EarlyStopping, "True, a patience or xpnet.EarlyStopping()"
    )
    return found


def as_metrics(value: Any) -> tuple[Metric, ...]:
    """The metrics given, by name or as `Metric`; a single one needs no list."""
    from xpnet.metrics import Metric, find_metric

    if value is None:
        return ()
    if isinstance(value, (str, Metric)):
        value = (value,)
    given = items("metrics must be names or xpnet.metrics, in a list", value)
    return tuple(map(find_metric, given))


def _metrics(name: str, value: Any, data: Any, fraction: Any) -> tuple[Metric, ...]:
    """Return the metrics; raise ValueError if there is no validation data for them."""
    found = as_metrics(value)
    if found and data is None and fraction is None:
        raise ValueError(
            f"{name} ({found[0].name}) are measured on the validation data: give "
            "validation_data or validation_fraction"
        )
    return found


def _callbacks(_: str, value: Any) -> Callbacks:
    return Callbacks(() if value is None else value)


class _Row(NamedTuple):
    """A keyword's check; see `settings`.

    ``check(name, value, *others)`` returns the setting, or raises an error with the name.
    ``others`` are the keywords whose values it needs too.
    """

    check: Callable[..., Any]
    others: tuple[str, ...] = ()


_open_flag = partial(check_flag, may_be_open=True)

_ROWS = {
    "epochs": _Row(_epochs),
    "batch_size": _Row(_batch_size),
    "optimizer": _Row(_optimizer, ("learning_rate",)),
    "validation_fraction": _Row(_validation_fraction, ("validation_data",)),
    "shuffle": _Row(check_flag),
    "penalty": _Row(_penalty),
    "max_norm": _Row(_max_norm),
    "early_stopping": _Row(_early_stopping),
    "metrics": _Row(_metrics, ("validation_data", "validation_fraction")),
    "callbacks": _Row(_callbacks),
    "progress": _Row(_open_flag),
    "compile": _Row(_open_flag),
    "stream": _Row(_open_flag),
    "checkpoint": _Row(checkpoint_path),
    "checkpoint_every": _Row(checkpoint_every, ("checkpoint",)),
    "resume": _Row(resume_flag, ("checkpoint",)),
    "overwrite": _Row(overwrite_flag, ("checkpoint", "resume")),
}
"""The settings of `Network.fit`, from the top: of two wrong ones, the upper row's is named."""

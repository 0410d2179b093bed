"""The settings of a fit, checked before anything changes."""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet import checks
from xpnet.equations.penalties import MaxNorm, Penalty, as_penalty
from xpnet.metrics import Metric, find_metric
from xpnet.optimizers import get_optimizer
from xpnet.ranges import instance, is_count, items
from xpnet.training.callbacks import Callbacks
from xpnet.training.early_stopping import EarlyStopping
from xpnet.training.length import FEWEST

__all__ = ["Settings", "as_metrics", "settings"]


class Settings(NamedTuple):
    """The checked settings of a fit; see `Network.fit`.

    ``is_open``: the user gave no epochs, so `xpnet.training.length.settled` finds their number.
    """

    epochs: int
    batch_size: int | None
    optimizer: Any
    shuffle: bool
    penalty: Penalty | None
    max_norm: MaxNorm | None
    validation_fraction: float | None
    early_stopping: EarlyStopping | None
    metrics: tuple[Metric, ...]
    callbacks: Callbacks
    progress: bool | None
    compile: bool | None
    stream: bool | None = None
    rates: Any = None  # (R, 1) learning rates, one for each network of a stack
    is_open: bool = False


def settings(
    *,
    epochs: Any,
    batch_size: Any,
    optimizer: Any,
    learning_rate: Any,
    shuffle: bool,
    penalty: Any,
    max_norm: Any,
    validation_data: Any,
    validation_fraction: Any,
    early_stopping: Any,
    metrics: Any,
    callbacks: Any,
    progress: bool | None,
    compile: bool | None,
    stream: bool | None = None,
) -> Settings:
    """Check the settings and return them; an error says which one is wrong."""
    if epochs is not None:
        checks.positive_integer("epochs", epochs)
    if batch_size is not None:
        checks.positive_integer("batch_size", batch_size)
    if not callable(learning_rate):
        checks.learning_rate(learning_rate)
    if validation_data is not None and validation_fraction is not None:
        raise ValueError("give validation_data or validation_fraction, not both")
    return Settings(
        FEWEST if epochs is None else int(epochs),
        None if batch_size is None else int(batch_size),
        get_optimizer(optimizer, learning_rate),
        bool(checks.check_flag("shuffle", shuffle)),
        as_penalty(penalty),
        _max_norm(max_norm),
        validation_fraction,
        _early_stopping(early_stopping),
        _metrics_of_validation(metrics, validation_data, validation_fraction),
        Callbacks(() if callbacks is None else callbacks),
        checks.check_flag("progress", progress, may_be_open=True),
        checks.check_flag("compile", compile, may_be_open=True),
        checks.check_flag("stream", stream, may_be_open=True),
        is_open=epochs is None,
    )


def _max_norm(value: Any) -> MaxNorm | None:
    """Return a `MaxNorm` or None; a number is its limit."""
    if value is None or isinstance(value, MaxNorm):
        return value
    return MaxNorm(value)


def _early_stopping(value: Any) -> EarlyStopping | None:
    """Return an `EarlyStopping` or None; True means its defaults, an integer its patience."""
    if value is None or value is False:
        return None
    if value is True:
        return EarlyStopping()
    if is_count(value):
        return EarlyStopping(patience=value)
    found: EarlyStopping = instance(
        "early_stopping", value, EarlyStopping, "True, a patience or xpnet.EarlyStopping()"
    )
    return found


def as_metrics(value: Any) -> tuple[Metric, ...]:
    """The metrics given, by name or as `Metric`; a single one needs no list."""
    if value is None:
        return ()
    if isinstance(value, (str, Metric)):
        value = (value,)
    given = items("metrics must be names or xpnet.metrics, in a list", value)
    return tuple(map(find_metric, given))


def _metrics_of_validation(value: Any, data: Any, fraction: Any) -> tuple[Metric, ...]:
    """Return the metrics; raise ValueError if there is no validation data for them."""
    found = as_metrics(value)
    if found and data is None and fraction is None:
        raise ValueError(
            f"metrics ({found[0].name}) are of the validation data: give validation_data or "
            "validation_fraction"
        )
    return found

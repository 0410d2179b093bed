"""Schedules: the learning rate as a function of the step.

    rate = schedule(t)         t = 1, 2, …, on the host

A schedule is a frozen dataclass of its settings. The first is the learning rate η that it starts
from or reaches. A schedule can be given wherever a learning rate can:
``Adam(learning_rate=Cosine(0.01))``. So can any other function of the step. Optional methods:

    bind(total_steps, steps_per_epoch) -> schedule     sets open settings from the fit's length
    observe(value)                                     receives an epoch's loss (ReduceOnPlateau)
"""

from __future__ import annotations

import math
from typing import Any

from xpnet.errors import quoted
from xpnet.schedules.cosine import Cosine
from xpnet.schedules.decay import Constant, Exponential, InverseScaling, Step
from xpnet.schedules.one_cycle import OneCycle
from xpnet.schedules.plateau import ReduceOnPlateau

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "OneCycle",
    "ReduceOnPlateau",
    "Step",
    "bind",
    "observe",
    "rate_at",
    "rates",
]

SCHEDULES: dict[str, type] = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "inverse_scaling": InverseScaling,
    "reduce_on_plateau": ReduceOnPlateau,
}
"""Every schedule, by its lower-case name."""


def rate_at(learning_rate: Any, t: int) -> float:
    """The rate at step t = 1, 2, …, if ``learning_rate`` is a number or a schedule."""
    if not callable(learning_rate):
        return float(learning_rate)
    found = learning_rate(t)
    try:
        rate = math.nan if isinstance(found, (str, bytes)) else float(found)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not math.isfinite(rate) or rate < 0:
        raise ValueError(
            f"the schedule {quoted(learning_rate, 100)} gives {quoted(found, 100)} at step {t}: "
            "a learning rate must be a finite number ≥ 0"
        )
    return rate


def rates(learning_rate: Any, first: int, n: int) -> list[float]:
    """The learning rates of the steps first … first + n − 1."""
    if not callable(learning_rate):
        return [float(learning_rate)] * n
    return [rate_at(learning_rate, t) for t in range(first, first + n)]


def bind(learning_rate: Any, total_steps: int, steps_per_epoch: int) -> Any:
    """The schedule for a fit of that length; a number or any other function is unchanged."""
    if not hasattr(learning_rate, "bind"):
        return learning_rate
    return learning_rate.bind(total_steps, steps_per_epoch)


def observe(learning_rate: Any, value: float) -> None:
    """Pass the epoch's loss to the schedule if it has an ``observe``."""
    if hasattr(learning_rate, "observe"):
        learning_rate.observe(value)

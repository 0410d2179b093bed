"""Optimizers: pure functions of the flat vector.

An optimizer is a frozen dataclass of its settings, or a NamedTuple, with three methods:

    init(xp, theta) -> state                       arrays, a tuple
    coefficients(t, rate) -> (float, …)            numbers for step t = 1, 2, …, from the host
    update(xp, c, g, state, theta) -> (theta, state)

``update`` may overwrite g, state and theta: use the values that it returns. Its arithmetic does not
depend on the step count, only on the coefficients, which are its input. A backend can therefore
compile or capture it once.

Three members are optional:

    bind(layout) -> optimizer           if it treats parts of θ differently
    averaged(state, theta) -> theta     if its result is not the θ that its steps reach
    takes_many = True                   if ``coefficients`` also accepts arrays t and rate

With ``takes_many``, the coefficients of an epoch are computed at once.

`LBFGS` does not have this form: each of its steps uses all examples and a line search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from xpnet.equations.parameters import Layout
from xpnet.errors import look_up, quoted
from xpnet.optimizers.accumulated import Accumulated
from xpnet.optimizers.adadelta import Adadelta
from xpnet.optimizers.adagrad import Adagrad
from xpnet.optimizers.adam import Adam
from xpnet.optimizers.adamw import AdamW
from xpnet.optimizers.amsgrad import AMSGrad
from xpnet.optimizers.averaged import Averaged
from xpnet.optimizers.clipped import Clipped
from xpnet.optimizers.lbfgs import LBFGS, minimize
from xpnet.optimizers.muon import Muon
from xpnet.optimizers.nadam import Nadam
from xpnet.optimizers.radam import RAdam
from xpnet.optimizers.rmsprop import RMSProp
from xpnet.optimizers.sgd import SGD
from xpnet.optimizers.wrapper import changed, check_named, is_optimizer
from xpnet.ranges import check_learning_rate
from xpnet.typing import Array, Namespace

__all__ = [
    "FULL_BATCH",
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "AMSGrad",
    "Accumulated",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Averaged",
    "Clipped",
    "Layout",
    "Muon",
    "Nadam",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "averaged",
    "bind",
    "coefficients",
    "get_optimizer",
    "minimize",
    "with_learning_rate",
]


class Optimizer(Protocol):
    """The methods that `fit` needs from an optimizer, which must be hashable."""

    @property
    def learning_rate(self) -> Any:
        """The step size, or a schedule: a function of the step."""

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The state before the first step."""

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """The numbers that step t = 1, 2, … needs, at that step's learning rate."""

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """θ and the state after a step along the gradient g."""


OPTIMIZERS: dict[str, type] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSProp,
    "adadelta": Adadelta,
    "adam": Adam,
    "amsgrad": AMSGrad,
    "adamw": AdamW,
    "nadam": Nadam,
    "radam": RAdam,
    "muon": Muon,
}
"""Every optimizer that steps batch by batch, by its lower-case name."""

FULL_BATCH: dict[str, type] = {"lbfgs": LBFGS}
"""The optimizers that use all examples at every step; their ``full_batch`` is True."""


def get_optimizer(optimizer: Any, learning_rate: Any = None) -> Any:
    """The optimizer of that name, or the one given; ``learning_rate`` replaces its own if given."""
    known = OPTIMIZERS | FULL_BATCH
    if isinstance(optimizer, str):
        optimizer = look_up("optimizer", optimizer, known)()
    if isinstance(optimizer, type) or not (
        is_optimizer(optimizer) or getattr(optimizer, "full_batch", False)
    ):
        raise TypeError(
            f"optimizer must be a name ({', '.join(known)}) or an instance such as "
            f"xpnet.optimizers.Adam(), got {quoted(optimizer)}"
        )
    check_named(optimizer)
    return optimizer if learning_rate is None else with_learning_rate(optimizer, learning_rate)


def with_learning_rate(optimizer: Any, learning_rate: Any) -> Any:
    """The same optimizer with a different learning rate, a number or a schedule."""
    if getattr(optimizer, "full_batch", False):
        raise ValueError(
            f"{type(optimizer).__name__} searches along each line and has no learning rate: "
            "leave learning_rate out"
        )
    check_learning_rate(learning_rate)
    if not callable(learning_rate):
        learning_rate = float(learning_rate)
    if hasattr(optimizer, "optimizer"):
        inner = with_learning_rate(optimizer.optimizer, learning_rate)
        return changed(optimizer, optimizer=inner)
    return changed(optimizer, learning_rate=learning_rate)


def bind(optimizer: Any, layout: Layout) -> Any:
    """The optimizer; if it has a ``bind``, it then knows where weights and matrices lie in θ."""
    return optimizer.bind(layout) if hasattr(optimizer, "bind") else optimizer


def coefficients(optimizer: Any, first: int, rates: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The coefficients of the steps first, first + 1, …, one step for each of the rates.

    A rate is a float, or a column (R, 1) for the R networks of a stack. Some coefficients of a
    stack are such columns too.
    """
    if np.ndim(rates[0]) or not getattr(optimizer, "takes_many", False):
        return [optimizer.coefficients(first + k, rate) for k, rate in enumerate(rates)]
    t = np.arange(first, first + len(rates), dtype=np.float64)
    *columns, _ = np.broadcast_arrays(*optimizer.coefficients(t, np.asarray(rates)), t)
    if not columns:
        return [()] * len(rates)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def averaged(optimizer: Any, state: tuple[Array, ...], theta: Array) -> Array:
    """The parameters to evaluate and return: θ, or the average that the optimizer keeps."""
    return optimizer.averaged(state, theta) if hasattr(optimizer, "averaged") else theta

"""Optimizers: pure functions of the flat vector.

An optimizer is a NamedTuple of its settings with three methods:

    init(xp, theta) -> state                       arrays, a tuple
    coefficients(t, rate) -> (float, …)            what step t = 1, 2, … needs, computed on the host
    update(xp, c, g, state, theta) -> (theta, state)

``update`` may overwrite g, state and theta: use what it returns. Its arithmetic knows no step
count, so that a backend can compile it once or capture it, with the coefficients as its input.
"""

from __future__ import annotations

from typing import Any, Protocol

from xpnet.errors import look_up
from xpnet.optimizers.adam import Adam
from xpnet.optimizers.sgd import SGD

__all__ = ["OPTIMIZERS", "SGD", "Adam", "Optimizer", "get_optimizer"]


class Optimizer(Protocol):
    """What `fit` asks of an optimizer; it must be hashable."""

    @property
    def learning_rate(self) -> float:
        """The step size."""

    def init(self, xp: Any, theta: Any) -> tuple[Any, ...]:
        """The state before the first step."""

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """The numbers of step t, counted from 1, at the learning rate that holds there."""

    def update(
        self, xp: Any, c: tuple[Any, ...], g: Any, state: tuple[Any, ...], theta: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """θ and the state after a step along the gradient g."""


OPTIMIZERS: dict[str, type] = {"sgd": SGD, "adam": Adam}
"""Every optimizer, by its lower-case name."""


def get_optimizer(optimizer: Any, learning_rate: float | None = None) -> Optimizer:
    """The optimizer of that name, or the one given, with another learning rate if one is named."""
    if isinstance(optimizer, str):
        optimizer = look_up("optimizer", optimizer, OPTIMIZERS)()
    if isinstance(optimizer, type) or not all(
        hasattr(optimizer, part) for part in ("init", "coefficients", "update")
    ):
        raise TypeError(
            f"optimizer must be a name ({', '.join(OPTIMIZERS)}) or an instance such as "
            f"xpnet.optimizers.Adam(), got {optimizer!r}"
        )
    if learning_rate is not None:
        optimizer = type(optimizer)(
            **{**optimizer._asdict(), "learning_rate": float(learning_rate)}
        )
    chosen: Optimizer = optimizer
    return chosen

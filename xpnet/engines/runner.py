"""What runs the steps of a fit: one by one, or many in one compiled function.

A runner holds the state (θ, the optimizer's arrays, statistics), and

    run(order, first, last, c, key) -> totals

does the steps first … last − 1 of an epoch's order, with the coefficients c[s] of step s and the
key of the epoch's masks, and returns what `read` makes the steps' Σ w loss of. It is asked for
pieces of ``piece(left)`` steps, so that a key press is answered between two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from xpnet.backends import Backend
from xpnet.engines.batches import Order
from xpnet.engines.step import Recipe, State, step
from xpnet.equations.built_in import is_known
from xpnet.errors import warn

__all__ = ["PlainRunner", "Runner", "compiled", "read_together", "warn_of_plain"]


class Runner(Protocol):
    """What the loop asks of a runner."""

    state: State
    engine: str
    threads: int | None
    """How many do the steps together, where it is not the products alone that have several."""

    def piece(self, left: int) -> int:
        """How many of the steps that are left to do at once."""

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Do these steps: each one's Σ w loss, on the device."""

    def read(self, totals: list[Any]) -> np.ndarray[Any, Any]:
        """Totals on the host, in float64."""


def compiled(recipe: Recipe, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, whose first argument is the recipe, as the backend compiles it, or itself.

    It is compiled anew in each fit if the loss or an activation is a user's own, whose functions
    may look at something that has changed since the last one. An optimizer or a penalty is its
    class and its settings.
    """
    given = function if is_known((recipe.layers, recipe.loss)) else partial(function)
    made = recipe.backend.compile(given, static=1)
    return function if made is given else made


class PlainRunner:
    """Step by step, each one compiled by a backend that does so."""

    threads: int | None = None

    def __init__(self, recipe: Recipe, state: State, data: tuple[Any, ...], compile: bool) -> None:
        self.recipe, self.state, self._data = recipe, state, data
        self._step: Callable[..., Any] = step
        if compile:
            self._step = compiled(recipe, step)
        self.engine = "plain" if self._step is step else "jit"

    def piece(self, left: int) -> int:
        """One at a time."""
        return 1

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Do these steps."""
        totals = []
        for s in range(first, last):
            batch = order.batch(s)
            self.state, total = self._step(self.recipe, self.state, self._data, batch, c[s], key)
            totals.append(total)
        return totals

    def read(self, totals: list[Any]) -> np.ndarray[Any, Any]:
        """All at once."""
        return read_together(self.recipe.backend, totals)


def read_together(backend: Backend, totals: list[Any]) -> np.ndarray[Any, Any]:
    """Arrays of the device on the host, in float64, by one copy."""
    return backend.to_numpy(backend.xp.stack(totals)).astype(np.float64)


def warn_of_plain(why: object) -> None:
    """Say that the steps are not compiled after all, and why."""
    warn(f"the steps run in the plain loop: {why}")

"""Runners run the steps of a fit, one by one or many in one compiled function.

A runner holds the state: the parameters θ, the optimizer's arrays and the layers' statistics. Its
method

    run(order, first, last, c, key) -> totals

runs the steps first … last − 1 of an epoch's order. Step s uses the coefficients c[s], and ``key``
is the key of the epoch's masks. `read` turns ``totals`` into the Σ w loss of each step, the sum of
its weighted losses. The training loop asks for ``piece(left)`` steps at a time, so that it can
answer a key press between two pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from xpnet.backends import Backend
from xpnet.engines.batches import Order
from xpnet.engines.names import JIT, PLAIN, Engine
from xpnet.engines.step import Feed, Recipe, State, step
from xpnet.equations.built_in import is_known
from xpnet.errors import warn
from xpnet.typing import Host

__all__ = ["PlainRunner", "Runner", "compiled", "read_together", "warn_of_plain"]


class Runner(Protocol):
    """The interface of a runner, as the training loop uses it."""

    ended: Host | None
    """The networks of a stack that have ended, (R,): their steps may be left out."""
    threads: int | None
    """Number of threads that share whole steps; None if at most the products use several."""

    @property
    def state(self) -> State:
        """The state after the steps so far."""

    @property
    def engine(self) -> Engine:
        """The engine that runs the steps."""

    def piece(self, left: int) -> int:
        """Return how many of the ``left`` remaining steps to run at once."""

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Run these steps and return the Σ w loss of each, on the device."""

    def read(self, totals: list[Any]) -> Host:
        """Return the totals on the host, in float64."""


def compiled(recipe: Recipe, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` compiled by the backend, or unchanged if the backend compiles nothing.

    The first argument of ``function`` is the recipe. If any part of it is user-defined,
    ``function`` is compiled anew in each fit. User code may read something that has changed since
    the last fit, and two NamedTuples of different classes are equal if their fields are.
    """
    given = function if is_known(recipe[1:]) else partial(function)  # all but the backend
    made = recipe.backend.compile(given, static=1)
    return function if made is given else made


class PlainRunner:
    """Runs the steps one by one, each compiled if the backend can compile."""

    threads: int | None = None
    ended: Host | None = None

    def __init__(self, recipe: Recipe, state: State, data: Feed, compile: bool) -> None:
        self.recipe, self.state, self._data = recipe, state, data
        self._step: Callable[..., Any] = step
        if compile:
            self._step = compiled(recipe, step)
        self.engine: Engine = PLAIN if self._step is step else JIT

    def piece(self, left: int) -> int:
        """Return 1: steps run one at a time."""
        return 1

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Run these steps and return the Σ w loss of each, on the device."""
        totals = []
        for s in range(first, last):
            batch = order.batch(s)
            self.state, total = self._step(self.recipe, self.state, self._data, batch, c[s], key)
            totals.append(total)
        return totals

    def read(self, totals: list[Any]) -> Host:
        """Copy all totals to the host at once."""
        return read_together(self.recipe.backend, totals)


def read_together(backend: Backend, totals: list[Any]) -> Host:
    """Copy device arrays of one shape to the host in a single copy, as float64."""
    return backend.to_numpy(backend.xp.stack(totals)).astype(np.float64)


def warn_of_plain(why: object) -> None:
    """Warn that the steps are not compiled after all, and why."""
    warn(f"the steps run in the plain loop: {why}")

"""Runs the networks of a stack as compiled programs, each on one thread, several at a time.

If its networks have rows of their own, a stack is R independent fits. A compiled program works on
one network, whose arrays stay in the cache for many steps. So each network has a runner of its own
(`xpnet.engines.loops.runner`), and the threads take one network after the other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from xpnet.checks.inputs import OwnRows
from xpnet.engines.batches import Order
from xpnet.engines.loops.program import Program
from xpnet.engines.loops.runner import FusedRunner, piece_after
from xpnet.engines.loops.teamwork import Team
from xpnet.engines.names import Engine
from xpnet.engines.own_batches import OwnOrder
from xpnet.engines.step import Feed, Recipe, State
from xpnet.equations.penalties import EachPenalty
from xpnet.layers.each_rate import of_network
from xpnet.typing import Host

__all__ = ["EachRunner", "alone"]


class EachRunner:
    """Runs a stack's steps: those of each network on a copy of its rows of the data."""

    def __init__(
        self, recipe: Recipe, state: State, data: Feed, own: OwnRows, batch: int, threads: int
    ) -> None:
        self._recipes = [alone(recipe, r) for r in range(len(own.rows))]
        feeds = _feeds(data, own)
        self._runners = [
            FusedRunner(each, _state(state, r), feeds[r], batch, gathers=True)
            for r, each in enumerate(self._recipes)
        ]
        self._team = Team(min(threads, len(self._recipes)))
        self.threads = self._team.threads if self._team.threads > 1 else None
        self.ended: Host | None = None
        self._piece = 1  # until the time of a step is known

    @property
    def engine(self) -> Engine:
        """That of the networks; "plain" if compiled steps could not go on."""
        return self._runners[0].engine

    @property
    def state(self) -> State:
        """The state of all networks, copied together."""
        each = [runner.state for runner in self._runners]
        theta = np.stack([state.theta for state in each])
        moments = zip(*(state.optimizer for state in each), strict=True)
        stats = zip(*(state.stats for state in each), strict=True)
        return State(theta, tuple(map(np.stack, moments)), None, tuple(map(np.stack, stats)))

    def programs(self, n_coefficients: int) -> list[Program]:
        """The program of each network; raise TraceError if there is none."""
        first = self._runners[0].program(n_coefficients)
        return [
            first if recipe == self._recipes[0] else runner.program(n_coefficients)
            for recipe, runner in zip(self._recipes, self._runners, strict=True)
        ]

    def prepare(self, programs: Sequence[Program], n_coefficients: int) -> None:
        """Compile the programs: all networks have the same one, but for their numbers."""
        compiled: set[str] = set()
        for runner, program in zip(self._runners, programs, strict=True):
            runner.prepare(program, n_coefficients, program.source in compiled)
            compiled.add(program.source)

    def piece(self, left: int) -> int:
        """Return how many steps of all networks take about a tenth of a second."""
        return min(self._piece, left)

    def run(
        self, order: Any, first: int, last: int, c: Sequence[tuple[Any, ...]], key: Any
    ) -> list[Any]:
        """Run these steps of all networks that have not ended; return their totals (S, R)."""
        R = len(self._runners)
        totals, left = np.full((last - first, R), np.nan), count()
        tables = _tables(c[first:last], R)

        def work(rank: int) -> None:
            while (r := next(left)) < R:
                if self.ended is None or not self.ended[r]:
                    totals[:, r] = self._run(r, order, first, last, tables, key)

        began = time.perf_counter()
        self._team.share(work)
        self._piece = piece_after(self._piece, last - first, time.perf_counter() - began)
        return [totals if last - first > 1 else totals[0]]

    def _run(self, r: int, order: OwnOrder, first: int, last: int, tables: Any, key: Any) -> Host:
        """Run these steps of network r; return their totals (S,)."""
        runner, starts = self._runners[r], np.minimum(order.starts, order.lengths[r])
        own = Order(order.numbers[r], starts[first : last + 1], order.weights[first:last, r])
        its_key = None if key is None else key[r]
        return runner.read(runner.run(own, 0, last - first, tables[r], its_key))

    def read(self, totals: list[Any]) -> Host:
        """Return the totals as one float64 array (S, R)."""
        return np.concatenate([np.atleast_2d(total) for total in totals])


def alone(recipe: Recipe, r: int) -> Recipe:
    """The recipe of network r alone: with its rates of dropout and its penalty."""
    return recipe._replace(
        layers=of_network(recipe.layers, r),
        penalty=recipe.penalty[r] if isinstance(recipe.penalty, EachPenalty) else recipe.penalty,
    )


def _state(state: State, r: int) -> State:
    """The state of network r, with copies of its arrays."""
    theta, stats = state.theta[r].copy(), tuple(stat[r].copy() for stat in state.stats)
    return State(theta, tuple(x[r].copy() for x in state.optimizer), None, stats)


def _feeds(data: Feed, own: OwnRows) -> list[Feed]:
    """Each network's rows of the data; networks with the same rows share one copy."""
    copies: dict[bytes, tuple[Host, Host]] = {}
    feeds = []
    for r, rows in enumerate(own.rows):
        same = rows.tobytes()
        if same not in copies:
            copies[same] = data.X[rows], data.Y[rows]
        w = None if own.w is None else own.w[r].astype(data.X.dtype)
        feeds.append(Feed(*copies[same], w))
    return feeds


def _tables(c: Sequence[tuple[Any, ...]], R: int) -> Any:
    """Each network's coefficients: a row for each step, or a tuple if they differ in number."""
    if len(set(map(len, c))) > 1:
        return [[tuple(_of(x, r) for x in row) for row in c] for r in range(R)]
    table = np.empty((R, len(c), len(c[0])))
    for s, row in enumerate(c):
        for k, x in enumerate(row):
            table[:, s, k] = np.reshape(x, -1)
    return table


def _of(x: Any, r: int) -> float:
    return float(x[r, 0] if np.ndim(x) else x)

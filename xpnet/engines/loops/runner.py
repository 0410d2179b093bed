"""Runs the steps of a fit in a compiled function, many steps a call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from xpnet.engines.batches import Order
from xpnet.engines.fallback import CompiledRunner
from xpnet.engines.graph.step import given_arrays, own_state
from xpnet.engines.loops import cache
from xpnet.engines.loops.program import Program, step_program
from xpnet.engines.loops.teamwork import Team
from xpnet.engines.step import Feed, Recipe, State
from xpnet.equations.masks import needs_masks
from xpnet.typing import Host
from xpnet.undisturbed import undisturbed

__all__ = ["FusedRunner", "piece_after"]

_new = np.empty  # tests replace it, to find numbers that are never written
_SECONDS = 0.1  # longest time of a piece, so that Ctrl-C is answered


class FusedRunner(CompiledRunner):
    """Runs steps as a compiled program (`xpnet.engines.loops.program`) on NumPy arrays."""

    def __init__(
        self,
        recipe: Recipe,
        state: State,
        data: Feed,
        batch: int,
        gathers: bool,
        threads: int = 1,
    ) -> None:
        self.state = own_state(np, state)
        self.threads = threads if threads > 1 else None
        self._team = Team(threads)
        self._batch, self._gathers = batch, gathers
        super().__init__(recipe, Feed(*(None if x is None else _as_compiled(x) for x in data)))
        self._key = np.zeros(1, np.int32)
        self._piece = 1  # until the time of a step is known

    def program(self, n_coefficients: int) -> Program:
        """Return the program of steps with n coefficients; raise TraceError if there is none."""
        masks = needs_masks(self._recipe.layers)
        return step_program(
            self._recipe,
            self.state,
            self._data,
            n_coefficients,
            masks,
            self._batch,
            self._gathers,
            team=self.threads is not None,
        )

    def prepare(self, program: Program, n_coefficients: int, is_compiled: bool = False) -> None:
        """Compile a program, or read it from the cache, unless another runner has just done so."""
        given = given_arrays(program.inputs, self.state, self._data, self._key)
        with undisturbed():
            self._steps[n_coefficients] = _Steps(
                program, given, self._batch, n_coefficients, self._team
            )
            if not is_compiled:
                self._steps[n_coefficients].prepare()

    def piece(self, left: int) -> int:
        """Return how many steps to run next: as many as take a tenth of a second."""
        return min(self._piece, left)

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Run the steps from ``first`` up to ``last``, and return their totals."""
        began = time.perf_counter()
        totals = self.run_plainly(order, first, last, c, key)
        if totals is None:
            began = time.perf_counter()  # leaves out the time of compiling
            totals = self._run_compiled(order, first, last, c, key)
        self._piece = piece_after(self._piece, last - first, time.perf_counter() - began)
        return totals

    def _run_compiled(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        if key is not None:
            self._key[:] = key
        totals = [self._steps[len(c[i])](order, i, j, c) for i, j in _stretches(c, first, last)]
        return totals if last - first > 1 else [totals[0][0]]

    def read(self, totals: list[Any]) -> Host:
        """Return the totals as one float64 array."""
        return np.concatenate([np.atleast_1d(total) for total in totals], dtype=np.float64)


def piece_after(piece: int, steps: int, seconds: float) -> int:
    """Return how many steps to run next, after so many took so long: at most four times as many."""
    rate = steps / max(seconds, 1e-9)
    return max(1, min(int(rate * _SECONDS), 4 * piece))


class _Alias:
    """An array's memory, declared writable."""

    def __init__(self, x: Host) -> None:
        self.owner = x
        self.__array_interface__ = {**x.__array_interface__, "data": (x.ctypes.data, False)}


def _as_compiled(x: Any) -> Host:
    """Return the array in C order and writable.

    Programs only read it, but numba would compile once more for a read-only array.
    """
    x = np.ascontiguousarray(x)
    return x if x.flags.writeable else np.asarray(_Alias(x))


class _Steps:
    """A compiled program with its arrays."""

    def __init__(
        self,
        program: Program,
        arrays: tuple[Any, ...],
        batch: int,
        n_coefficients: int,
        team: Team,
    ) -> None:
        run = cache.load(program.source)
        self._run: Callable[..., None] = team.together(run, program.n_shared)
        self._fixed = (
            np.asarray(program.lengths, dtype=np.int64),
            np.asarray(program.constants, dtype=np.float64),
            arrays,
            tuple(
                _new([batch if n is None else n for n in buffer.shape], buffer.dtype)
                for buffer in program.buffers
            ),
        )
        self._no_order, self._n = np.zeros(0, np.int64), n_coefficients
        self._source = program.source

    def prepare(self) -> None:
        """Compile the program, or read it from the cache."""
        cache.prepare(self._source, self._do_nothing)

    def _do_nothing(self) -> None:
        """Run zero steps, so that numba compiles the program or reads it from the cache."""
        nothing = np.zeros(1, np.int64), np.zeros((0, self._n)), np.zeros(0)
        self._run(*self._fixed, self._no_order, *nothing)

    def __call__(self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]]) -> Host:
        """Run the steps from ``first`` up to ``last``, and return their totals."""
        index = self._no_order if order.index is None else order.index
        table = np.asarray(c[first:last], dtype=np.float64).reshape(last - first, self._n)
        totals = np.empty(last - first)
        self._run(*self._fixed, index, order.starts[first : last + 1], table, totals)
        return totals


def _stretches(c: Sequence[tuple[float, ...]], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of successive steps that have equally many coefficients.

    There is only one such stretch unless the optimizer accumulates gradients.
    """
    if len(set(map(len, c[first:last]))) == 1:  # looping in Python would cost as much as the steps
        yield first, last
        return
    start = first
    for _, same in groupby(range(first, last), lambda s: len(c[s])):
        stop = start + len(list(same))
        yield start, stop
        start = stop

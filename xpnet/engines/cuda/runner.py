"""Run the steps of a fit on a GPU: launch a step's kernels and products without waiting.

All arrays of a step are made once. During the steps, the host only launches kernels and products.
Steps that are alike are launched many at a time, as a graph (`xpnet.engines.cuda.graphs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.backends.cupy_backend import CupyBackend
from xpnet.engines.batches import Order
from xpnet.engines.cuda.graphs import LENGTHS
from xpnet.engines.cuda.parts import taken_parts
from xpnet.engines.cuda.program import CudaProgram, cuda_program
from xpnet.engines.cuda.steps import Steps
from xpnet.engines.fallback import CompiledRunner
from xpnet.engines.graph.shapes import KernelError
from xpnet.engines.graph.step import given_arrays, own_state
from xpnet.engines.names import GRAPH, KERNELS, Engine
from xpnet.engines.step import Feed, Recipe, State
from xpnet.equations.masks import needs_masks
from xpnet.typing import Host
from xpnet.undisturbed import undisturbed

__all__ = ["CudaRunner"]


class CudaRunner(CompiledRunner):
    """Runs steps as CUDA kernels (`xpnet.engines.cuda.program`), on CuPy's current stream.

    If batches are streamed from the host, ``lanes`` are the sets of device arrays that receive
    them. Step s takes its batch, without gathering, from lane s modulo the number of lanes.
    """

    engine: Engine = KERNELS

    def __init__(
        self,
        recipe: Recipe,
        state: State,
        data: Feed,
        batch: int,
        gathers: bool,
        lanes: Sequence[Feed] = (),
    ) -> None:
        assert isinstance(recipe.backend, CupyBackend)
        self._backend, xp = recipe.backend, recipe.backend.xp
        self._batch, self._gathers = batch, gathers
        super().__init__(
            recipe, Feed(*(None if x is None else xp.ascontiguousarray(x) for x in data))
        )
        self._lanes = lanes or (self._data,)
        settings = (batch, gathers, len(self._lanes))
        first = own_state(xp, state)
        self._parts = taken_parts(self, self._backend, first, self._data, *settings)
        self.state = self._parts.state
        self._at = -1  # the step number in the counter
        self._has_run = False  # the first step is launched alone, so that graphs begin after it

    def program(self, n_coefficients: int) -> CudaProgram:
        """Return the program of steps with n coefficients; raise TraceError if there is none."""
        return cuda_program(
            self._recipe,
            self.state,
            self._data,
            n_coefficients,
            needs_masks(self._recipe.layers),
            self._batch,
            self._gathers,
        )

    def prepare(self, program: CudaProgram, n_coefficients: int) -> None:
        """Compile the kernels and make the arrays; raise KernelError if that fails."""
        given = [self._named(program, data) for data in self._lanes]
        known = self._parts.steps_of(program)
        if known is not None:
            known.give(given)
            self._steps[n_coefficients], self._has_run = known, True
            return
        try:
            with undisturbed():
                steps = Steps(self._backend, program, given, self._parts.shared, self._batch)
        except Exception as error:  # from NVRTC, a missing library or header, driver, memory
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise KernelError(f"its CUDA kernels cannot be compiled: {what}") from error
        self._steps[n_coefficients] = steps
        self._parts.add(program, steps)

    def _named(self, program: CudaProgram, data: Feed) -> dict[str, Any]:
        """Return a program's arrays a0, a1, … by name, with these data."""
        arrays = given_arrays(program.inputs, self.state, data, self._parts.key)
        return {f"a{k}": x for k, x in enumerate(arrays)}

    def piece(self, left: int) -> int:
        """Return how many of the ``left`` remaining steps to launch at once."""
        return min(LENGTHS[0], left) if self._has_run else 1

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Launch these steps and return the Σ w loss of each, on the device.

        Of several steps only the last has its loss in the list; `read` copies all of them.
        """
        totals = self.run_plainly(order, first, last, c, key)
        if totals is not None:
            return totals
        parts = self._parts
        parts.is_whole = False
        if not parts.epoch.is_of(order, c):
            self._begin(order, c, key)
        if self._at != first:
            parts.counter[...] = first
        step = first
        while step < last:
            step += self._launched(order, step, last, c, may_capture=last - first > 1)
        self._at, self._has_run, parts.is_whole = last, True, True
        return [*(None,) * (last - first - 1), parts.epoch.arrays["totals"][last - 1]]

    def _begin(self, order: Order, c: Sequence[tuple[float, ...]], key: Any) -> None:
        """Send an epoch's numbers to the device."""
        parts = self._parts
        if parts.epoch.renew(order, c):
            parts.shared |= parts.epoch.arrays
            parts.forget_calls()
        self._at = -1
        if key is not None:
            parts.key[...] = key

    def _launched(
        self,
        order: Order,
        step: int,
        last: int,
        c: Sequence[tuple[float, ...]],
        may_capture: bool,
    ) -> int:
        """Launch the steps from ``step`` on that go together, and return how many these are."""
        n, graphs = int(order.starts[step + 1] - order.starts[step]), self._parts.graphs
        if may_capture and n == self._batch and len(self._lanes) == 1:
            for k in LENGTHS:
                end = step + k
                if end > last or int(order.starts[end] - order.starts[step]) != k * n:
                    continue
                if graphs.launch(n, [self._steps[len(row)] for row in c[step:end]]):
                    self.engine = GRAPH
                    return k
        if not graphs.works:
            self.engine = KERNELS
        self._steps[len(c[step])].launch(n, step % len(self._lanes))
        return 1

    def read(self, totals: list[Any]) -> Host:
        """Copy the totals of the last ``len(totals)`` steps to the host, in one copy."""
        if self._plain is not None and totals:
            return self._plain.read(totals)
        if not totals:
            return np.zeros(0)
        there = self._parts.epoch.arrays["totals"][self._at - len(totals) : self._at]
        return np.array(self._backend.to_numpy(there), dtype=np.float64)

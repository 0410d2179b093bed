"""Run the steps of a fit on a GPU: launch a step's kernels and products without waiting.

All arrays of a step are made once. During the steps, the host only launches kernels and products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xpnet.backends.cupy_backend import CupyBackend
from xpnet.engines.batches import Order
from xpnet.engines.cuda.program import CudaProgram, Launch, Operand, Product, cuda_program
from xpnet.engines.cuda.source import LANES, WARPS
from xpnet.engines.fallback import CompiledRunner
from xpnet.engines.graph.shapes import KernelError
from xpnet.engines.graph.step import given_arrays, own_state
from xpnet.engines.step import Feed, Recipe, State
from xpnet.equations.masks import needs_masks
from xpnet.typing import Host
from xpnet.undisturbed import undisturbed

__all__ = ["CudaRunner"]

_PIECE = 32  # steps that are launched between two checks for a key press


class CudaRunner(CompiledRunner):
    """Runs steps as CUDA kernels (`xpnet.engines.cuda.program`), on CuPy's current stream.

    If batches are streamed from the host, ``lanes`` are the sets of device arrays that receive
    them. Step s takes its batch, without gathering, from lane s modulo the number of lanes.
    """

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
        self.state = own_state(xp, state)
        self._batch, self._gathers = batch, gathers
        super().__init__(
            recipe, Feed(*(None if x is None else xp.ascontiguousarray(x) for x in data))
        )
        self._lanes = lanes or (self._data,)
        self._key = xp.zeros((1,), dtype=xp.int32)
        self._counter = xp.zeros((1,), dtype=xp.int32)
        self._epoch: _Epoch | None = None
        self._at = -1  # the step number in the counter

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
        try:
            with undisturbed():
                steps = _Steps(self._backend, program, given, self._counter, self._batch)
        except Exception as error:  # from NVRTC, a missing library or header, driver, memory
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise KernelError(f"its CUDA kernels cannot be compiled: {what}") from error
        self._steps[n_coefficients] = steps

    def _named(self, program: CudaProgram, data: Feed) -> dict[str, Any]:
        """Return a program's arrays a0, a1, … by name, with these data."""
        arrays = given_arrays(program.inputs, self.state, data, self._key)
        return {f"a{k}": x for k, x in enumerate(arrays)}

    def piece(self, left: int) -> int:
        """Return how many of the ``left`` remaining steps to launch at once."""
        return min(_PIECE, left)

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Launch these steps and return the Σ w loss of each, on the device."""
        totals = self.run_plainly(order, first, last, c, key)
        if totals is not None:
            return totals
        if self._epoch is None or self._epoch.order is not order or self._epoch.c is not c:
            self._epoch = _Epoch(self._backend, order, c)
            self._at = -1
            if key is not None:
                self._key[...] = key
        if self._at != first:
            self._counter[...] = first
        for s in range(first, last):
            n_examples = int(order.starts[s + 1] - order.starts[s])
            self._steps[len(c[s])].launch(self._epoch, n_examples, s % len(self._lanes))
        self._at = last
        return [self._epoch.arrays["totals"][s] for s in range(first, last)]

    def read(self, totals: list[Any]) -> Host:
        """Copy the totals of the epoch's steps so far to the host, in one copy."""
        if self._plain is not None and totals:
            return self._plain.read(totals)
        if not totals or self._epoch is None:
            return np.zeros(0)
        host = self._backend.to_numpy(self._epoch.arrays["totals"][: len(totals)])
        return np.array(host, dtype=np.float64)


class _Epoch:
    """The device arrays of an epoch: its order, its coefficients, and the totals of its steps."""

    def __init__(self, backend: CupyBackend, order: Order, c: Sequence[tuple[float, ...]]) -> None:
        self.order, self.c = order, c
        self.arrays = {
            "starts": backend.from_numpy(np.asarray(order.starts, dtype=np.int64)),
            "totals": backend.from_numpy(np.zeros(len(c))),
        }
        if order.index is not None:
            self.arrays["order"] = order.index
        for n in {len(row) for row in c}:
            table = [row if len(row) == n else (0.0,) * n for row in c]
            self.arrays[f"coefficients{n}"] = backend.from_numpy(
                np.asarray(table, dtype=np.float64).reshape(len(c), n)
            )


class _Steps:
    """A compiled program with its arrays; there is one set of input arrays per lane."""

    def __init__(
        self,
        backend: CupyBackend,
        program: CudaProgram,
        given: Sequence[dict[str, Any]],
        counter: Any,
        batch: int,
    ) -> None:
        xp = backend.xp
        self._backend, self._program = backend, program
        module = backend.kernels(program.source)
        self._functions = {
            call.name: module.get_function(call.name)
            for call in program.calls
            if isinstance(call, Launch)
        }
        self._given = given
        self._arrays = {"counter": counter}
        for k, buffer in enumerate(program.buffers):
            shape = tuple(batch if n is None else n for n in buffer.shape)
            self._arrays[f"b{k}"] = xp.empty(shape, dtype=backend.dtype(buffer.dtype))
        self._arrays["scalars"] = xp.empty((max(program.n_scalars, 1),), dtype=xp.float64)
        self._arrays["tickets"] = xp.zeros((max(program.n_tickets, 1),), dtype=xp.int32)
        self._calls: dict[tuple[int, int], list[Callable[[], Any]]] = {}
        self._epoch: _Epoch | None = None

    def launch(self, epoch: _Epoch, n_examples: int, lane: int) -> None:
        """Launch a step on ``n_examples`` examples; the kernels find out which ones."""
        if self._epoch is not epoch:
            given = dict(epoch.arrays)
            n = self._program.n_coefficients
            given["coefficients"] = given.get(f"coefficients{n}")
            self._arrays |= given
            self._calls, self._epoch = {}, epoch
        if (n_examples, lane) not in self._calls:
            self._arrays |= self._given[lane]
            for k, view in enumerate(self._program.views):
                self._arrays[f"v{k}"] = view.of(self._arrays[view.place])
            self._calls[n_examples, lane] = [self._call(c, n_examples) for c in self._program.calls]
        for call in self._calls[n_examples, lane]:
            call()

    def _call(self, call: Launch | Product, n_examples: int) -> Callable[[], Any]:
        if isinstance(call, Product):
            a, b, out = (self._matrix(x, n_examples) for x in (call.a, call.b, call.out))
            return lambda: self._backend.matmul(a, b, out=out)
        function, grid = self._functions[call.name], call.grid
        arguments = tuple(self._arrays[name] for name in call.arguments)
        return lambda: function(grid, (LANES, WARPS), arguments)

    def _matrix(self, operand: Operand, n_examples: int) -> Any:
        rows, columns = (n_examples if n is None else n for n in (operand.rows, operand.columns))
        x = self._arrays[operand.place]
        x = x[: rows * columns].reshape(rows, columns) if x.ndim == 1 else x[:rows]
        return x.mT if operand.flipped else x

"""The launches and products of a step, with their arrays: run one by one, or put into a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xpnet.backends.cupy_backend import CupyBackend
from xpnet.engines.cuda.program import CudaProgram, Launch, Operand, Product
from xpnet.engines.cuda.source import LANES, WARPS

__all__ = ["Steps"]


class Steps:
    """A compiled program with its arrays; there is one set of input arrays per lane.

    Parameters
    ----------
    given : sequence of dict
        The arrays a0, a1, … of each lane.
    shared : dict
        The arrays that all programs of a fit share: the epoch's and the counter. It may get others
        later; `forget` makes the calls anew with them.
    batch : int
        Most examples of a step.
    """

    def __init__(
        self,
        backend: CupyBackend,
        program: CudaProgram,
        given: Sequence[Mapping[str, Any]],
        shared: Mapping[str, Any],
        batch: int,
    ) -> None:
        xp = backend.xp
        self._backend, self._program = backend, program
        module = backend.kernels(program.source)
        self._kernels = {
            call.name: module.get_function(call.name).kernel  # looks nothing up at a launch
            for call in program.calls
            if isinstance(call, Launch)
        }
        self._shared = shared
        self.give(given)
        self._arrays: dict[str, Any] = {}
        for k, buffer in enumerate(program.buffers):
            shape = tuple(batch if n is None else n for n in buffer.shape)
            self._arrays[f"b{k}"] = xp.empty(shape, dtype=backend.dtype(buffer.dtype))
        self._arrays["scalars"] = xp.empty((max(program.n_scalars, 1),), dtype=xp.float64)
        self._arrays["tickets"] = xp.zeros((max(program.n_tickets, 1),), dtype=xp.int32)
        self._calls: dict[tuple[int, int], list[Callable[[], Any]]] = {}
        self._has_run: set[int] = set()

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of the program itself."""
        return sum(x.nbytes for x in self._arrays.values())

    def give(self, given: Sequence[Mapping[str, Any]]) -> None:
        """Take the arrays of a fit."""
        self._given = given

    def launch(self, n_examples: int, lane: int = 0) -> None:
        """Launch a step on ``n_examples`` examples; the kernels find out which ones."""
        if (n_examples, lane) not in self._calls:
            self._calls[n_examples, lane] = self._made(n_examples, lane)
        for call in self._calls[n_examples, lane]:
            call()
        self._has_run.add(n_examples)

    def has_run(self, n_examples: int) -> bool:
        """Whether such a step has run: only then CUDA and cuBLAS have loaded all that it needs."""
        return n_examples in self._has_run

    def forget(self) -> None:
        """Make all calls anew, since arrays that all programs share were replaced."""
        self._calls = {}

    def release(self) -> None:
        """Release the arrays of the fit."""
        self._given = ()
        self.forget()

    def _made(self, n_examples: int, lane: int) -> list[Callable[[], Any]]:
        """Return the calls of a step, whose arguments are ready."""
        arrays = {**self._arrays, **self._shared, **self._given[lane]}
        arrays["coefficients"] = arrays.get(f"coefficients{self._program.n_coefficients}")
        for k, view in enumerate(self._program.views):
            arrays[f"v{k}"] = view.of(arrays[view.place])
        return [self._call(call, n_examples, arrays) for call in self._program.calls]

    def _call(
        self, call: Launch | Product, n_examples: int, arrays: Mapping[str, Any]
    ) -> Callable[[], Any]:
        if isinstance(call, Product):
            return self._product(
                *(_matrix(x, n_examples, arrays) for x in (call.a, call.b, call.out))
            )
        kernel, grid = self._kernels[call.name], call.grid
        arguments = tuple(arrays[name] for name in call.arguments)
        return lambda: kernel(grid, (LANES, WARPS), arguments)

    def _product(self, a: Any, b: Any, out: Any) -> Callable[[], Any]:
        backend = self._backend
        prepared = backend.gemm.prepared(a, b, out, backend.precision)
        return prepared or (lambda: backend.matmul(a, b, out=out))


def _matrix(operand: Operand, n_examples: int, arrays: Mapping[str, Any]) -> Any:
    rows, columns = (n_examples if n is None else n for n in (operand.rows, operand.columns))
    x = arrays[operand.place]
    x = x[: rows * columns].reshape(rows, columns) if x.ndim == 1 else x[:rows]
    return x.mT if operand.flipped else x

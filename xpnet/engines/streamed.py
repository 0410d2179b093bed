"""The runner of data that stay in host memory: it brings them batch by batch.

While the device computes step s, the host gathers batch s + 1 and sends it by the other of two
lanes (`xpnet.backends.lanes`). The steps are those of the plain loop, on the same batches; on CuPy
they are CUDA kernels, which find a batch where its lane puts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.engines import choose
from xpnet.engines.batches import Batches, Order
from xpnet.engines.runner import compiled, read_together
from xpnet.engines.step import Recipe, State, advance
from xpnet.equations.masks import needs_masks
from xpnet.errors import warn

if TYPE_CHECKING:
    from xpnet.engines.cuda.runner import CudaRunner

__all__ = ["StreamedRunner"]


class StreamedRunner:
    """Step by step, each on a batch that comes from host memory."""

    engine = "streamed"
    threads: int | None = None

    def __init__(
        self,
        recipe: Recipe,
        state: State,
        data: tuple[Any, Any, Any],
        batches: Batches,
        compile: bool | None,
    ) -> None:
        backend = recipe.backend
        self.recipe, self.state = recipe, state
        self._advance: Callable[..., Any] = advance
        if compile is not False:
            self._advance = compiled(recipe, advance)
        X, Y, w = data
        if Y.dtype.kind == "i":
            Y = Y.astype(backend.index_dtype, copy=False)
        rows = np.arange(len(X), dtype=backend.index_dtype) if needs_masks(recipe.layers) else None
        self._columns = [X, Y, w, rows]
        templates = [
            ((batches.size, *x.shape[1:]), x.dtype) for x in self._columns if x is not None
        ]
        self._lanes = backend.lanes(templates)
        self._sent: dict[int, list[Any]] = {}  # by step: what is on its way
        kernels = backend.name == "cupy" and compile is not False
        self._kernels = self._made(batches.size, compile) if kernels else None
        if compile and self._advance is advance and not kernels:
            warn(f"compile=True does nothing for data in host memory on backend {backend.name!r}")
        self._order: tuple[Order, Order] | None = None  # of the host's rows, of a lane's

    def _made(self, batch: int, wanted: bool | None) -> CudaRunner | None:
        """The step as CUDA kernels, which find a batch in the first rows of its lane."""
        data = []
        for lane in self._lanes:
            arrays = iter(lane.device)
            columns = self._columns if self._columns[3] is not None else self._columns[:3]
            data.append(tuple(None if x is None else next(arrays) for x in columns))
        return choose.cuda_runner((self.recipe, self.state, data[0], batch, False, data), wanted)

    def piece(self, left: int) -> int:
        """One at a time."""
        return 1

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Do these steps; the batch after the last one is then on its way."""
        totals = []
        for s in range(first, last):
            totals.append(self._step(order, s, c, key))
            if s + 1 < len(order.weights):
                self._send(order, s + 1)
        return totals

    def _step(self, order: Order, s: int, c: Sequence[tuple[float, ...]], key: Any) -> Any:
        if s not in self._sent:
            self._send(order, s)
        lane, arrays = self._lanes[s % 2], self._sent.pop(s)
        lane.arrive()
        if self._kernels is not None and not self._kernels.complete({len(c[s])}):
            self.state, self._kernels = self._kernels.plain_state(), None
        if self._kernels is None:
            total = self._plain(arrays, c[s], key)
        else:
            (total,) = self._kernels.run(self._of_lanes(order), s, s + 1, c, key)
            self.state = self._kernels.state
        lane.free()
        return total

    def _plain(self, arrived: list[Any], c: tuple[float, ...], key: Any) -> Any:
        arrays = iter(arrived)
        X, Y, w, rows = (None if x is None else next(arrays) for x in self._columns)
        self.state, total = self._advance(self.recipe, self.state, (X, Y, w), rows, c, key)
        return total

    def _of_lanes(self, order: Order) -> Order:
        """The same steps, each of the first rows of its lane."""
        if self._order is None or self._order[0] is not order:
            self._order = order, order._replace(index=None)
        return self._order[1]

    def _send(self, order: Order, s: int) -> None:
        """Gather batch s into its lane, and send it."""
        lane, (start, stop) = self._lanes[s % 2], order.starts[s : s + 2]
        index = np.arange(start, stop) if order.index is None else order.index[start:stop]
        columns = [x for x in self._columns if x is not None]
        for x, buffer in zip(columns, lane.host(), strict=True):
            np.take(x, index, axis=0, out=buffer[: stop - start], mode="clip")
        self._sent[s] = lane.send(stop - start)

    def read(self, totals: list[Any]) -> np.ndarray[Any, Any]:
        """All at once."""
        return read_together(self.recipe.backend, totals)

"""The runner for data in host memory: it copies them to the device batch by batch.

While the device computes step s, the host gathers batch s + 1 and sends it through the other of two
lanes (`xpnet.backends.lanes`). X may be sparse; a lane's rows are dense. The steps are those of the
plain loop, on the same batches. On CuPy they are CUDA kernels, which read a batch directly from its
lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends.sparse import SparseRows
from xpnet.engines import choose
from xpnet.engines.batches import Batches, Order
from xpnet.engines.names import KERNELS, STREAMED, Engine
from xpnet.engines.runner import compiled, read_together
from xpnet.engines.step import Feed, Recipe, State, advance
from xpnet.equations.masks import needs_masks
from xpnet.errors import warn
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.engines.cuda.runner import CudaRunner

__all__ = ["StreamedRunner"]


class StreamedRunner:
    """Runs the steps one by one, each on a batch copied from host memory."""

    engine: Engine = STREAMED
    threads: int | None = None
    ended: Host | None = None

    def __init__(
        self,
        recipe: Recipe,
        state: State,
        data: Feed,
        batches: Batches,
        compile: bool | None,
    ) -> None:
        backend = recipe.backend
        self.recipe, self.state = recipe, state
        self._advance: Callable[..., Any] = advance
        if compile is not False:
            self._advance = compiled(recipe, advance)
        Y = data.Y
        if Y.dtype.kind == "i":
            Y = Y.astype(backend.index_dtype, copy=False)
        masks = needs_masks(recipe.layers)
        rows = np.arange(len(data.X), dtype=backend.index_dtype) if masks else None
        self._columns = Feed(data.X, Y, data.w, rows)
        templates = [
            ((batches.size, *x.shape[1:]), x.dtype) for x in self._columns if x is not None
        ]
        self._lanes = backend.lanes(templates)
        self._sent: dict[int, list[Any]] = {}  # by step: arrays that are being sent
        kernels = backend.compiled_as == KERNELS and compile is not False
        self._kernels = self._made(batches.size, compile) if kernels else None
        if compile and self._advance is advance and not kernels:
            warn(f"compile=True has no effect on data in host memory on backend {backend.name!r}")
        self._order: tuple[Order, Order] | None = None  # of the host's rows, of a lane's rows

    def _made(self, batch: int, wanted: bool | None) -> CudaRunner | None:
        """Return the runner of CUDA kernels, which read a batch from the first rows of its lane."""
        data = [self._feed(lane.device) for lane in self._lanes]
        return choose.cuda_runner((self.recipe, self.state, data[0], batch, False, data), wanted)

    def _feed(self, arrays: Sequence[Any]) -> Feed:
        """Return a lane's arrays, which lack the columns that are None, by their names."""
        each = iter(arrays)
        return Feed(*(None if x is None else next(each) for x in self._columns))

    def piece(self, left: int) -> int:
        """Return 1: steps run one at a time."""
        return 1

    def run(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any]:
        """Run these steps, and begin to send the batch after the last of them."""
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
        batch = self._feed(arrived)
        self.state, total = self._advance(self.recipe, self.state, batch, c, key)
        return total

    def _of_lanes(self, order: Order) -> Order:
        """Return the same steps, each on the first rows of its lane."""
        if self._order is None or self._order[0] is not order:
            self._order = order, order._replace(index=None)
        return self._order[1]

    def _send(self, order: Order, s: int) -> None:
        """Gather batch s into its lane and send it."""
        lane, (start, stop) = self._lanes[s % 2], order.starts[s : s + 2]
        index = np.arange(start, stop) if order.index is None else order.index[start:stop]
        columns = [x for x in self._columns if x is not None]
        for x, buffer in zip(columns, lane.host(), strict=True):
            if isinstance(x, SparseRows):
                x.gather(index, buffer[: stop - start])
            else:
                np.take(x, index, axis=0, out=buffer[: stop - start], mode="clip")
        self._sent[s] = lane.send(stop - start)

    def read(self, totals: list[Any]) -> Host:
        """Copy all totals to the host at once."""
        return read_together(self.recipe.backend, totals)

"""Record a pass while it runs: one row per equation, with a copy of its result.

Every array is copied to the host before the next function runs, since a layer may overwrite its
arguments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.backends.base import Backend
from xpnet.explain.rows import Operand, Row, product_flops, statistics
from xpnet.typing import Array, Host

__all__ = ["Log"]


class Log:
    """The rows of a pass, in the order in which they were computed."""

    def __init__(self, backend: Backend, dtype: str) -> None:
        self.backend = backend
        self.itemsize = np.dtype(dtype).itemsize
        self.rows: list[Row] = []

    def host(self, x: Array) -> Host:
        """Return a copy of x on the host."""
        return np.array(to_numpy(x))

    def timed(self, function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
        """Return the function's result, and the seconds until it was available."""
        began = time.perf_counter()
        result = function(*arguments)
        self.backend.wait(result)
        return result, time.perf_counter() - began

    def size(self, x: Array) -> int:
        """Return the number of entries."""
        return prod(x.shape)

    def forward(
        self, layer: str, symbol: str, right: str, result: Any, *more: Any, **of: Any
    ) -> None:
        """Add a row of the forward pass, as `add` does."""
        self.add(layer, "forward", symbol, right, result, *more, **of)

    def backward(
        self, layer: str, symbol: str, right: str, result: Any, *more: Any, **of: Any
    ) -> None:
        """Add a row of the backward pass, as `add` does."""
        self.add(layer, "backward", symbol, right, result, *more, **of)

    def product(
        self,
        layer: str,
        symbol: str,
        result: Any,
        operands: Sequence[tuple[str, Any]],
        summed: str,
        seconds: float | None = None,
    ) -> None:
        """Add a row of the backward pass that is the product of its two operands."""
        (a, m), (b, n) = operands
        flops = product_flops(tuple(m), tuple(n))
        of = {"flops": flops, "seconds": seconds, "summed": summed}
        self.backward(layer, symbol, f"{a} {b}", result, operands, **of)

    def add(
        self,
        layer: str,
        direction: str,
        symbol: str,
        right: str,
        result: Any,
        operands: Sequence[tuple[str, Any]] = (),
        *,
        flops: int | None = 0,
        seconds: float | None = None,
        summed: str = "",
        note: str = "",
    ) -> None:
        """Add the row ``symbol = right`` with its result; operands are symbols and shapes.

        If ``flops`` is 0, the row only renames an existing array, and its bytes are 0.
        """
        array = self.host(result)
        read = tuple(Operand(name, tuple(shape)) for name, shape in operands)
        size = array.size + sum(prod(operand.shape) for operand in read)
        self.rows.append(
            Row(
                len(self.rows) + 1,
                layer,
                direction,
                symbol,
                f"{symbol} = {right}",
                read,
                summed,
                array.shape,
                flops,
                0 if flops == 0 else size * self.itemsize,
                seconds,
                *statistics(array),
                array,
                note,
            )
        )

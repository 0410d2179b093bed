"""The numbers of an epoch on the device, in memory that later epochs overwrite.

A captured graph has the addresses of its arrays. So an epoch's order and coefficients are written
into the arrays of the epoch before, as long as their shapes are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.backends.cupy_backend import CupyBackend
from xpnet.engines.batches import Order
from xpnet.typing import Host

__all__ = ["Epoch"]


class Epoch:
    """The device arrays of an epoch: its order, its coefficients, and the totals of its steps.

    Attributes
    ----------
    arrays : dict
        By name, as the kernels know them (`xpnet.engines.cuda.source`).
    """

    def __init__(self, backend: CupyBackend) -> None:
        self._backend = backend
        self.arrays: dict[str, Any] = {}
        self._order: Order | None = None
        self._c: Sequence[tuple[float, ...]] | None = None
        self._sent: dict[str, Host] = {}  # what the device has

    def is_of(self, order: Order, c: Sequence[tuple[float, ...]]) -> bool:
        """Whether these are the epoch's numbers."""
        return self._order is order and self._c is c

    def renew(self, order: Order, c: Sequence[tuple[float, ...]]) -> bool:
        """Take the numbers of the next epoch; return whether any array is a new one."""
        self._order, self._c = order, c
        numbers = {"starts": np.array(order.starts, dtype=np.int64), **_tables(c)}
        moved = [self._send(name, x) for name, x in numbers.items()]
        if len(c) != len(self.arrays.get("totals", ())):
            moved.append(self._put("totals", self._backend.from_numpy(np.zeros(len(c)))))
        if order.index is not None:
            moved.append(self._put("order", order.index))
        return any(moved)

    def release(self) -> None:
        """Forget whose numbers these are."""
        self._order = self._c = None

    def _send(self, name: str, x: Host) -> bool:
        """Send numbers to the device, unless it has them; return whether the array is a new one."""
        if np.array_equal(self._sent.get(name, ()), x):
            return False
        self._sent[name] = x
        return self._put(name, self._backend.from_numpy(x))

    def _put(self, name: str, new: Any) -> bool:
        """Copy an array over the last epoch's; return whether there was none of its shape."""
        old = self.arrays.get(name)
        if old is not None and old.shape == new.shape:
            old[...] = new
            return False
        self.arrays[name] = self._backend.xp.asarray(new, copy=True)
        return True


def _tables(c: Sequence[tuple[float, ...]]) -> dict[str, Host]:
    """Return a table of all steps for each number n of coefficients; other steps' rows are 0."""
    found = {}
    for n in {len(row) for row in c}:
        table = [row if len(row) == n else (0.0,) * n for row in c]
        found[f"coefficients{n}"] = np.asarray(table, dtype=np.float64).reshape(len(c), n)
    return found

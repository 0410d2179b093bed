"""Order the examples of each epoch and split them into batches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from xpnet.backends import Backend
from xpnet.equations.streams import ORDER, permutation
from xpnet.typing import Host

__all__ = ["Batches", "Order"]


class Order(NamedTuple):
    """The examples of an epoch, step by step.

    Attributes
    ----------
    index : (n,) integers on the device, or None
        Indices of the examples in order; None if every step takes all rows in place.
    starts : (S + 1,) int64
        Step s takes index[starts[s] : starts[s + 1]].
    weights : (S,) float64
        Σw of each step.
    """

    index: Any
    starts: Host
    weights: Host

    def batch(self, s: int) -> Any:
        """Return the indices of the examples of step s; None for all examples."""
        return None if self.index is None else self.index[self.starts[s] : self.starts[s + 1]]


class Batches:
    """Makes the order of the examples, epoch by epoch.

    Parameters
    ----------
    weights : (N,) float64 or None
        Examples of weight 0 are left out.
    seed : int
        The order of an epoch depends only on (seed, epoch).
    given : function, optional
        epoch ↦ the indices of the examples in order, (N,) integers on the host, in place of the
        order by the seed. Examples of weight 0 then keep their places in batches.

    Attributes
    ----------
    size : int
        Examples per step; the last step of an epoch may have fewer.
    gathers : bool
        Whether each step gathers some of the rows. If False, it takes all rows in place.
    n_examples : int
        Examples per epoch.
    """

    def __init__(
        self,
        backend: Backend,
        n_examples: int,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
        weights: Host | None,
        given: Callable[[int], Host] | None = None,
    ) -> None:
        self._backend = backend
        self._weights = np.ones(n_examples) if weights is None else weights
        self._given = given
        self._kept = np.arange(n_examples) if given else np.flatnonzero(self._weights)
        self.size = len(self._kept) if batch_size is None else min(batch_size, len(self._kept))
        self._shuffle, self._seed = shuffle, seed
        self.gathers = self.size != n_examples
        self.n_examples = len(self._kept)
        self._prepared: tuple[int, Order] | None = None

    @property
    def per_epoch(self) -> int:
        """The number of steps in an epoch."""
        return -(-len(self._kept) // self.size)

    def order(self, epoch: int) -> Order:
        """Return the order of an epoch, which depends only on (seed, epoch) unless it is given.

        A given order is asked for exactly once an epoch, even if each step takes all rows.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] == epoch:
            return prepared[1]
        order = self._kept if self._given is None else self._given(epoch)
        starts = np.minimum(np.arange(self.per_epoch + 1) * self.size, len(self._kept))
        if not self.gathers:
            return Order(None, starts, np.asarray([self._weights.sum()]))
        if self._shuffle and self._given is None:
            order = order[permutation(self._seed, ORDER, (epoch,), len(order))]
        on_device = self._backend.from_numpy(order.astype(self._backend.index_dtype))
        return Order(on_device, starts, np.add.reduceat(self._weights[order], starts[:-1]))

    def prepare(self, epoch: int) -> None:
        """Make the order of a later epoch now, while the device computes; `order` returns it."""
        if not self.gathers or self._given is not None:
            return
        with suppress(MemoryError):  # there may be enough when the order is needed
            self._prepared = epoch, self.order(epoch)

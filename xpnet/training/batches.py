"""The order of examples, and its cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from xpnet.backends import Backend
from xpnet.random import ORDER, permutation

__all__ = ["Batches", "slices"]


def slices(n: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most ``size`` that cover 0 … n − 1, none beyond the end."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


class Batches:
    """Index arrays for one epoch after another.

    Parameters
    ----------
    weights : (N,) float64 or None
        Examples of weight 0 are left out.
    seed : int
        The order of an epoch is a function of (seed, epoch) alone.
    """

    def __init__(
        self,
        backend: Backend,
        n_examples: int,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
        weights: np.ndarray[Any, Any] | None,
    ) -> None:
        self._backend = backend
        self._weights = np.ones(n_examples) if weights is None else weights
        self._kept = np.flatnonzero(self._weights)
        self._size = len(self._kept) if batch_size is None else min(batch_size, len(self._kept))
        self._shuffle, self._seed = shuffle, seed
        self._whole = self._size == n_examples
        self.n_examples = len(self._kept)

    @property
    def per_epoch(self) -> int:
        """Number of steps in an epoch."""
        return -(-len(self._kept) // self._size)

    def epoch(self, epoch: int) -> Iterator[tuple[Any, float]]:
        """Each batch's index array on the device, None for all rows as they are; and its Σw."""
        if self._whole:
            yield None, float(self._weights.sum())
            return
        order = self._kept
        if self._shuffle:
            order = order[permutation(self._seed, ORDER, (epoch,), len(order))]
        on_device = self._backend.from_numpy(order.astype(self._backend.index_dtype))
        weights = self._weights[order]
        for part in slices(len(order), self._size):
            yield on_device[part], float(weights[part].sum())

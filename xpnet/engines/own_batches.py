"""Batches of a stack whose networks have rows of their own: folds, bootstrap samples.

Network r trains on the rows X[rows_r], in an order of its own. Step s of the stack is step s of
every network:

    index (R, B)    the batches of all networks     X[index] (R, B, n_0)

All networks do the same number of steps. If their last batches differ in length, the shorter ones
are filled up by one of their own rows, with weight 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet.backends import Backend
from xpnet.checks.inputs import OwnRows
from xpnet.equations.streams import ORDER, permutation
from xpnet.typing import Array, Host, Namespace

__all__ = ["OwnBatch", "OwnBatches", "OwnOrder", "UnequalStepsError", "gather"]


class UnequalStepsError(ValueError):
    """The networks of a stack would do different numbers of steps (R,) an epoch."""

    def __init__(self, steps: Host, size: int) -> None:
        super().__init__(
            f"with batch_size={size}, the networks' rows make from {steps.min()} to {steps.max()} "
            "steps an epoch, but all networks of a stack do the same number: choose a different "
            "batch_size, or rows of more equal numbers"
        )
        self.steps = steps


class OwnBatch(NamedTuple):
    """One step's batch of every network, on the device.

    Attributes
    ----------
    index : (R, B) integers
        The examples' rows in X.
    rows : (R, B) integers, or None without masks
        Each example's number among its network's own, from which masks are drawn.
    w : (R, B), or None for ones
    there : (R, B, 1), or None for ones
        1 for an example, 0 for a row that fills up a shorter batch.
    """

    index: Any
    rows: Any = None
    w: Any = None
    there: Any = None


class OwnOrder(NamedTuple):
    """The examples of an epoch, step by step.

    Attributes
    ----------
    xp : module
        The namespace of the arrays.
    each : OwnBatch
        Of all steps, one step's batches after the other's, as flat arrays (R n,).
    last : OwnBatch
        What the last step has in addition: ``w`` and ``there``, if batches are filled up.
    starts : (S + 1,) int64
        Step s takes starts[s] : starts[s + 1] of each network's n examples.
    weights : (S, R) float64
        Σw of each step.
    numbers : (R, n) int64
        On the host: each network's examples in order. The first lengths[r] of row r count.
    lengths : (R,) int64
    """

    xp: Namespace
    each: OwnBatch
    last: OwnBatch
    starts: Host
    weights: Host
    numbers: Host
    lengths: Host

    def batch(self, s: int) -> OwnBatch:
        """Return the batches of step s."""
        S, R = self.weights.shape
        start, stop = R * int(self.starts[s]), R * int(self.starts[s + 1])
        found = OwnBatch(
            *(None if x is None else self.xp.reshape(x[start:stop], (R, -1)) for x in self.each)
        )
        if s < S - 1 or self.last.there is None:
            return found
        w = self.last.w if found.w is None else found.w
        return found._replace(w=w, there=self.last.there)


class OwnBatches:
    """Makes the orders of all networks, epoch by epoch.

    Parameters
    ----------
    seeds : sequence of R int
        Network r's order of an epoch depends only on (seeds[r], epoch).
    dtype : str
        Of the weights on the device.
    masks : bool
        Whether the networks draw masks.

    Attributes
    ----------
    own : OwnRows
    size, gathers, n_examples
        As of `xpnet.engines.batches.Batches`, for the network with most examples.

    Raises
    ------
    UnequalStepsError
        The networks would do different numbers of steps.
    """

    gathers = True

    def __init__(
        self,
        backend: Backend,
        own: OwnRows,
        batch_size: int | None,
        shuffle: bool,
        seeds: Sequence[int],
        dtype: str,
        masks: bool,
    ) -> None:
        self._backend, self.own, self._shuffle = backend, own, shuffle
        self._seeds, self._dtype, self._masks = seeds, dtype, masks
        self._kept = [own.kept(r) for r in range(len(own.rows))]
        self._lengths = np.asarray([len(kept) for kept in self._kept])
        self.n_examples = int(self._lengths.max())
        self.size = min(batch_size or self.n_examples, self.n_examples)
        steps = -(-self._lengths // self.size)
        if steps.min() < steps.max():
            raise UnequalStepsError(steps, self.size)
        self.per_epoch = int(steps[0])

    def order(self, epoch: int) -> OwnOrder:
        """Return the order of an epoch, which depends only on (seeds, epoch)."""
        starts = np.minimum(np.arange(self.per_epoch + 1) * self.size, self.n_examples)
        numbers = self._numbers(epoch)  # (R, n)
        index = _each(self.own.rows, numbers)
        there = np.arange(self.n_examples) < self._lengths[:, None]
        w = None if self.own.w is None else _each(self.own.w, numbers) * there
        weights = np.add.reduceat(there * 1.0 if w is None else w, starts[:-1], axis=1).T
        device, last = self._backend.from_numpy, there[:, starts[-2] :]
        flat = [
            None if x is None else device(_by_steps(x, starts).astype(dtype))
            for x, dtype in (
                (index, self._backend.index_dtype),
                (numbers if self._masks else None, "int32"),
                (w, self._dtype),
            )
        ]
        fills = None if last.all() else device(last.astype(self._dtype))
        ends = OwnBatch(None) if fills is None else OwnBatch(None, None, fills, fills[..., None])
        each = OwnBatch(*flat)
        return OwnOrder(self._backend.xp, each, ends, starts, weights, numbers, self._lengths)

    def _numbers(self, epoch: int) -> Host:
        """Each network's examples in order, (R, n); shorter rows repeat their first example."""
        orders: dict[tuple[int, int], Host] = {}  # networks of one seed may share an order
        numbers = np.empty((len(self._kept), self.n_examples), np.int64)
        for row, kept, seed in zip(numbers, self._kept, self._seeds, strict=True):
            n = len(kept)
            if self._shuffle:
                if (seed, n) not in orders:
                    orders[seed, n] = permutation(seed, ORDER, (epoch,), n)
                kept = kept[orders[seed, n]]
            row[:n], row[n:] = kept, kept[0]
        return numbers


def gather(backend: Backend, x: Array, index: Array) -> Any:
    """Return x[index] (R, B, …), for an index (R, B) of rows."""
    xp = backend.xp
    rows = backend.take(x, xp.reshape(index, (-1,)))
    return xp.reshape(rows, (*index.shape, *x.shape[1:]))


def _each(parts: Sequence[Host], numbers: Host) -> Host:
    """parts[r][numbers[r]] of each network, (R, n)."""
    return np.stack([x[number] for x, number in zip(parts, numbers, strict=True)])


def _by_steps(x: Host, starts: Host) -> Host:
    """The columns of x (R, n) step by step, flat: (R, B) of the first step, of the second, …"""
    return np.concatenate([part.reshape(-1) for part in np.split(x, starts[1:-1], axis=1)])

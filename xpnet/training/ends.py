"""The networks of a stack that end before its fit does: early stopping, or a loss at a standstill.

The stack goes on to train all its networks, since a step is one batched product. A network that has
ended keeps its state of that time, and its later entries in the history are NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import Backend
from xpnet.training.history import History
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["Ends", "chosen"]

State = tuple[Any, tuple[Any, ...]]
"""θ (R, P) and the layers' statistics (R, 1, n) of all networks."""


class Ends:
    """Which of R networks have ended, and with what state."""

    def __init__(self, n_networks: int) -> None:
        self.ended = np.zeros(n_networks, dtype=bool)
        self._final: State | None = None

    def end(self, net: NetworkState, history: History, which: Host, why: str, state: State) -> None:
        """End the networks ``which`` (R,) that have not ended yet, with their part of ``state``."""
        new = which & ~self.ended
        if not np.any(new):
            return
        self._final = state if self._final is None else chosen(net.backend, new, state, self._final)
        self.ended |= new
        for r in np.flatnonzero(new).tolist():
            history.ended[r] = len(history), len(history.step_loss), why
        net.take(*self.kept(net.backend, net.parameters, net.statistics))
        if np.all(self.ended):
            history.stopped = history.stopped or why

    def recall(self, history: History, final: State | None) -> None:
        """Take what a checkpoint remembers: ``final`` has the states of those that have ended."""
        self._final = final
        self.ended[list(history.ended)] = True

    def memory(self) -> State | None:
        """The states of the networks that have ended, and any numbers for the others."""
        return self._final

    def kept(self, backend: Backend, theta: Array, statistics: tuple[Array, ...]) -> State:
        """The given state, in which networks that have ended keep theirs."""
        if self._final is None:
            return theta, statistics
        return chosen(backend, self.ended, self._final, (theta, statistics))

    def marked(self, values: Any) -> Any:
        """``values`` (..., R) with NaN for the networks that have ended; a list like them."""
        if self._final is None:
            return values
        return np.where(self.ended, np.nan, np.asarray(values)).tolist()


def chosen(backend: Backend, which: Host, state: State, other: State) -> State:
    """``state`` of the networks ``which`` (R,), ``other`` of the rest."""
    xp, mask = backend.xp, backend.from_numpy(which)
    theta = xp.where(mask[:, None], state[0], other[0])
    stats = zip(state[1], other[1], strict=True)
    return theta, tuple(xp.where(mask[:, None, None], new, old) for new, old in stats)

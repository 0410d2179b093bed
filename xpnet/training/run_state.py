"""Everything that changes while a fit runs: what a checkpoint stores, and a resumed fit takes.

The order of examples and the masks are not here: they are functions of the seed, the epoch and the
step (`xpnet.equations.streams`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from xpnet.backends import Backend
from xpnet.engines.names import PLAIN, Engine
from xpnet.training.history import History
from xpnet.typing import Array, Host

__all__ = ["Best", "Keeper", "RunState", "on_device", "on_host"]


@dataclass
class Best:
    """What early stopping remembers: the best value, smaller is better, and how long ago it was.

    Without ``restore_best`` there are no parameters, and ``epoch`` is None. In a stack, the numbers
    are arrays (R,) after the first epoch.
    """

    value: Any
    since: Any
    epoch: Any = None
    theta: Array | None = None
    statistics: tuple[Array, ...] = ()


def on_host(backend: Backend, best: Best) -> Best:
    """The same, with its arrays on the host."""
    return _moved(best, backend.to_numpy)


def on_device(backend: Backend, best: Best) -> Best:
    """The same, with its arrays on the backend's device."""
    return _moved(best, backend.from_numpy)


def _moved(best: Best, to: Callable[[Array], Array]) -> Best:
    if best.theta is None:
        return replace(best)
    return replace(best, theta=to(best.theta), statistics=tuple(map(to, best.statistics)))


@dataclass(repr=False)
class RunState:
    """A fit after a whole number of steps; arrays are on the host.

    Attributes
    ----------
    epoch, first_epoch : int
        The network's count of whole epochs, now and before the fit.
    step, steps : int
        Steps done in the running epoch, and in the whole fit.
    before : int
        Steps that the optimizer had done before the fit, if it goes on with a model file's state.
    finished : bool
        Whether no step follows.
    seconds : float
        Time that the running epoch has taken so far.
    theta : (P,) or (R, P)
        The parameters that the steps have reached.
    averaged : like theta, or None
        The parameters to return, if they are others: the optimizer averages, or a callback has set
        them after the last step.
    optimizer, statistics : tuple of arrays
        The optimizer's state and the layers' statistics.
    losses : (step,) or (step, R) float64
        Σ w loss of each step of the running epoch.
    history : History
        The record of the whole epochs.
    best : Best or None
        The state of early stopping.
    final : (theta, statistics) or None
        The states of the networks of a stack that have ended, those in ``history.ended``.
    schedule : tuple of float
        The memory of `ReduceOnPlateau`; empty for other schedules.
    solver : dict of arrays
        The memory of L-BFGS; empty for other optimizers.
    engine : str
    threads : int or None
        Threads of NumPy's BLAS.
    team : int
        Threads that share whole compiled steps.
    """

    epoch: int
    first_epoch: int
    history: History
    theta: Host
    statistics: tuple[Host, ...] = ()
    optimizer: tuple[Host, ...] = ()
    averaged: Host | None = None
    step: int = 0
    steps: int = 0
    finished: bool = False
    before: int = 0
    seconds: float = 0.0
    losses: Host = field(default_factory=lambda: np.zeros(0))
    best: Best | None = None
    final: tuple[Host, tuple[Host, ...]] | None = None
    schedule: tuple[float, ...] = ()
    solver: dict[str, Host] = field(default_factory=dict)
    engine: Engine = PLAIN
    threads: int | None = None
    team: int = 1

    def __repr__(self) -> str:
        place = f"epoch={self.epoch}, step={self.step}, steps={self.steps}"
        return f"RunState({place}, finished={self.finished}, theta={self.theta.shape})"

    @property
    def parameters(self) -> Host:
        """The parameters to return, before early stopping restores the best ones."""
        return self.theta if self.averaged is None else self.averaged

    def is_sound(self) -> bool:
        """Whether any network's numbers are all finite: others end in a `DivergenceError`."""
        n = 1 if self.theta.ndim == 1 else len(self.theta)
        sound = np.isfinite(self.theta.reshape(n, -1)).all(axis=1)
        for stat in self.statistics:
            sound &= np.isfinite(stat.reshape(n, -1)).all(axis=1)
        return bool(sound.any() and np.isfinite(self.losses.reshape(-1, n)).any(axis=1).all())


class Keeper(Protocol):
    """Keeps the checkpoint of a fit."""

    saved: RunState | None
    """The state to go on from; None at a beginning."""

    is_exact: bool
    """Whether engine and threads must be those of ``saved``."""

    def limit(self, steps: int, piece: int) -> int:
        """Return how many of the next steps to do before a checkpoint may be due."""

    def is_due(self, steps: int, ends_epoch: bool) -> bool:
        """Whether to write a checkpoint after these steps."""

    def check(self, history: History) -> None:
        """Raise ValueError if a checkpoint cannot hold what callbacks wrote into the history."""

    def write(self, state: RunState) -> None:
        """Write a checkpoint; a state that is not sound is left out."""

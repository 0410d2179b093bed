"""Averages of the parameters over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.optimizers.wrapper import Wrapper, check_optimizer, updated
from xpnet.ranges import check_fraction, positive_integer
from xpnet.typing import Array, Namespace

__all__ = ["Averaged"]


@dataclass(frozen=True, slots=True)
class Averaged(Wrapper):
    """An optimizer whose result is an average, a, of the θ that its steps pass through.

        a ← θ                       up to step s = start
        a ← d a + (1 − d) θ         after it: a running mean, of about 1/(1 − d) steps; or,
        a ← a + (θ − a)/(k + 1)     with decay=None, the plain mean of the θ since step s

    After step s, a changes only at every ``every``-th step; k = 1, 2, … counts these changes. The
    steps themselves do not depend on a. Polyak and Juditsky, "Acceleration of stochastic
    approximation by averaging" (1992); Izmailov et al., "Averaging weights leads to wider optima"
    (2018), which is decay=None with a start late in the fit. As in PyTorch's AveragedModel, the
    first average is θ itself.

    Parameters
    ----------
    optimizer : optimizer
        The optimizer that takes the steps.
    decay : float or None
        d in [0, 1), or None for the plain mean.
    start : int
        s ≥ 1, in steps.
    every : int
        ≥ 1, in steps.
    """

    optimizer: Any
    decay: float | None = 0.999
    start: int = 1
    every: int = 1
    own = 1

    def _check(self) -> None:
        check_optimizer(self.optimizer)
        if self.decay is not None:
            check_fraction("decay", self.decay)
        positive_integer("start", self.start)
        positive_integer("every", self.every)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: a = θ, then the inner optimizer's state."""
        return xp.asarray(theta, copy=True), *Wrapper.init(self, xp, theta)

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """The share of θ in the new average, then the inner optimizer's coefficients."""
        return self._share(t), *Wrapper.coefficients(self, t, rate)

    def _share(self, t: int) -> float:
        if t <= self.start:
            return 1.0
        k, beside = divmod(t - self.start, self.every)
        if beside:
            return 0.0
        return 1.0 / (k + 1) if self.decay is None else 1.0 - self.decay

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take a step, then update the average."""
        (share, *inner), (a, *rest) = c, state
        theta, new = updated(self.optimizer, xp, tuple(inner), g, tuple(rest), theta)
        a *= 1.0 - share
        a += theta * share
        return theta, (a, *new)

    def averaged(self, state: tuple[Array, ...], theta: Array) -> Array:
        """The average a."""
        return state[0]

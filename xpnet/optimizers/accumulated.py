"""Steps on the gradient of several batches."""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.optimizers.wrapper import Wrapper, check_optimizer, updated
from xpnet.ranges import check_positive_integer

__all__ = ["Accumulated"]


class _Settings(NamedTuple):
    optimizer: Any
    steps: int


class Accumulated(Wrapper, _Settings):
    """An optimizer that moves at every k-th step, along the mean of k batches' gradients.

        s ← s + g                                 at every step
        θ ← step along s/k,   s ← 0               at steps k, 2 k, …

    The same as batches k times as large, if they are equally large (or weighted): it is the mean of
    the batches' means. Steps are batches still, for schedules too; what is left over at the end of
    a fit is dropped. A step that only adds has no coefficients, so which of the two it is is known
    without a look at any array: compiled, they are two functions.

    Parameters
    ----------
    optimizer : optimizer
        What takes the steps; it counts its own.
    steps : int
        k ≥ 1.
    """

    __slots__ = ()
    own = 1

    def __new__(cls, optimizer: Any, steps: int) -> Accumulated:
        """Check the settings."""
        check_optimizer(optimizer)
        check_positive_integer("steps", steps)
        return super().__new__(cls, optimizer, steps)

    def init(self, xp: Any, theta: Any) -> tuple[Any, ...]:
        """s = 0, and the inner optimizer's state."""
        return xp.zeros_like(theta), *super().init(xp, theta)

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """The inner optimizer's at its own step t/k; none at the steps between."""
        return () if t % self.steps else super().coefficients(t // self.steps, rate)

    def update(
        self, xp: Any, c: tuple[Any, ...], g: Any, state: tuple[Any, ...], theta: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """Add g; where there are coefficients, take the step too."""
        total, *rest = state
        total += g
        if not c:
            return theta, (total, *rest)
        g = total * (1.0 / self.steps)
        theta, new = updated(self.optimizer, xp, c, g, tuple(rest), theta)
        return theta, (xp.zeros_like(total), *new)

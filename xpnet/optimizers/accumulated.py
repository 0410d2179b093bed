"""Steps on the gradient of several batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.optimizers.wrapper import Wrapper, check_optimizer, updated
from xpnet.ranges import positive_integer
from xpnet.typing import Array, Namespace

__all__ = ["Accumulated"]


@dataclass(frozen=True, slots=True)
class Accumulated(Wrapper):
    """An optimizer that moves only at every k-th step, along the mean of k batches' gradients.

        s ← s + g                                 at every step
        θ ← step along s/k,   s ← 0               at steps k, 2 k, …

    The mean is over the batches' means. It equals that of a batch k times as large if the k batches
    have equal sizes (or equal weights). A step is still one batch, for schedules too. Gradients
    left over at the end of a fit are dropped.

    A step that only adds has no coefficients. The kind of a step is therefore known without reading
    an array; compiled, the two kinds are two functions.

    Parameters
    ----------
    optimizer : optimizer
        The optimizer that takes the steps; it counts only the steps that it takes.
    steps : int
        k ≥ 1.
    """

    optimizer: Any
    steps: int
    own = 1

    def _check(self) -> None:
        check_optimizer(self.optimizer)
        positive_integer("steps", self.steps)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: s = 0, then the inner optimizer's state."""
        return xp.zeros_like(theta), *Wrapper.init(self, xp, theta)

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """The inner optimizer's coefficients at its step t/k; none if k does not divide t."""
        return () if t % self.steps else Wrapper.coefficients(self, t // self.steps, rate)

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Add g to s; if there are coefficients, also take the step."""
        total, *rest = state
        total += g
        if not c:
            return theta, (total, *rest)
        g = total * (1.0 / self.steps)
        theta, new = updated(self.optimizer, xp, c, g, tuple(rest), theta)
        return theta, (xp.zeros_like(total), *new)

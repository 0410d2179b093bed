"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.ranges import PlainSettings, check_flag, check_fraction, check_learning_rate
from xpnet.typing import Array, Namespace

__all__ = ["SGD"]


@dataclass(frozen=True, slots=True)
class SGD(PlainSettings):
    """Gradient descent; with momentum μ, a running sum u of gradients replaces the gradient.

        u ← μ u + g
        θ ← θ − η u                  or, with nesterov,   θ ← θ − η (g + μ u)

    As in PyTorch, u is not scaled by the learning rate η; its first value is the first gradient.
    With ``velocity``, u is the last step, as in Sutskever et al. and in scikit-learn:

        u ← μ u + η g
        θ ← θ − u                    or, with nesterov,   θ ← θ − (η g + μ u)

    The two forms take the same steps as long as η is constant.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    momentum : float
        μ in [0, 1); with ``velocity`` it may be 1.
    nesterov : bool
        Whether to use Nesterov's momentum: Sutskever et al., "On the importance of initialization
        and momentum" (2013), in PyTorch's form. It needs a momentum above 0.
    velocity : bool
        Whether u includes η.
    """

    learning_rate: Any = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    velocity: bool = False
    takes_many = True

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_flag("velocity", self.velocity)
        if not (self.velocity and self.momentum == 1):
            check_fraction("momentum", self.momentum)
        check_flag("nesterov", self.nesterov)
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """The initial state: u = 0 if there is momentum, else nothing."""
        return (xp.zeros_like(theta),) if self.momentum else ()

    def coefficients(self, t: Any, rate: Any) -> tuple[Any, ...]:
        """The learning rate η."""
        return (rate,)

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g may be overwritten."""
        (rate,) = c
        if self.velocity:
            g *= rate
        if state:
            (u,) = state
            u *= self.momentum
            u += g
            state = (u,)
            if self.nesterov:
                g += u * self.momentum
            else:
                g = u
        theta -= g if self.velocity else g * rate
        return theta, state

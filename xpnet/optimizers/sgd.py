"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.ranges import Kind, check_flag, check_fraction, check_learning_rate
from xpnet.typing import Array, Namespace

__all__ = ["SGD"]


class _Settings(NamedTuple):
    learning_rate: Any
    momentum: float
    nesterov: bool


class SGD(Kind, _Settings):
    """Gradient descent; with momentum μ, a running sum u of gradients replaces the gradient.

        u ← μ u + g
        θ ← θ − η u                  or, with nesterov,   θ ← θ − η (g + μ u)

    As in PyTorch, u is not scaled by the learning rate η; its first value is the first gradient.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Whether to use Nesterov's momentum: Sutskever et al., "On the importance of initialization
        and momentum" (2013), in PyTorch's form. It needs a momentum above 0.
    """

    __slots__ = ()
    takes_many = True

    def __new__(
        cls, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False
    ) -> SGD:
        """Check the settings."""
        check_learning_rate(learning_rate)
        check_fraction("momentum", momentum)
        nesterov = bool(check_flag("nesterov", nesterov))
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return super().__new__(cls, learning_rate, momentum, nesterov)

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
        if state:
            (u,) = state
            u *= self.momentum
            u += g
            state = (u,)
            if self.nesterov:
                g += u * self.momentum
            else:
                g = u
        theta -= g * rate
        return theta, state

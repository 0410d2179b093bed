"""Clipping of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.equations.sums import of_squares
from xpnet.optimizers.wrapper import Wrapper, check_optimizer, updated
from xpnet.ranges import check_positive
from xpnet.typing import Array, Namespace

__all__ = ["Clipped"]


@dataclass(frozen=True, slots=True)
class Clipped(Wrapper):
    """An optimizer on clipped gradients: at most ``norm`` long, no entry beyond ±``value``.

        g ← min(max(g, −value), value)
        g ← g min(1, norm / (‖g‖ + 1e-6))           ‖g‖ over all parameters of one network

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013),
    with PyTorch's 1e-6. The norm is computed without overflow even if its square would overflow. If
    both settings are given, entries are clipped first.

    Parameters
    ----------
    optimizer : optimizer
        The optimizer that takes the step.
    norm, value : float, optional
        > 0; at least one must be given.
    """

    optimizer: Any
    norm: float | None = None
    value: float | None = None

    @property
    def takes_many(self) -> bool:
        """Whether the inner optimizer computes the coefficients of many steps at once."""
        return getattr(self.optimizer, "takes_many", False)

    def _check(self) -> None:
        check_optimizer(self.optimizer)
        if self.norm is None and self.value is None:
            raise ValueError("Clipped needs a norm, a value or both")
        for name, bound in (("norm", self.norm), ("value", self.value)):
            if bound is not None:
                check_positive(name, bound)

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take a step along the clipped gradient; g may be overwritten."""
        if self.value is not None:
            g = xp.minimum(xp.maximum(g, -self.value), self.value)
        if self.norm is not None:
            g *= xp.minimum(self.norm / (_norm(xp, g) + 1e-6), 1.0)
        return updated(self.optimizer, xp, c, g, state, theta)


def _norm(xp: Namespace, g: Array) -> Array:
    """‖g‖ over the last axis, (..., 1), computed from g divided by its largest entry."""
    highest, lowest = (f(g, axis=-1, keepdims=True) for f in (xp.max, xp.min))
    largest = xp.maximum(highest, -lowest)
    scaled = g / xp.where(largest > 0, largest, xp.ones_like(largest))
    return largest * xp.astype(xp.sqrt(of_squares(xp, scaled, keepdims=True)), g.dtype)

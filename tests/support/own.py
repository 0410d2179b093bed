"""Optimizers as users write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Plain(NamedTuple):
    """A user's own optimizer: gradient descent."""

    learning_rate: float = 0.1

    def init(self, xp, theta):
        return ()

    def coefficients(self, t, rate):
        return (rate,)

    def update(self, xp, c, g, state, theta):
        return theta - g * c[0], state


@dataclass(frozen=True)
class PlainData:
    """The same optimizer as a dataclass."""

    learning_rate: float = 0.1
    init, coefficients, update = Plain.init, Plain.coefficients, Plain.update

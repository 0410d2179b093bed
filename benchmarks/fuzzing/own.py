"""An activation, a loss and an optimizer with random formulas, as a user might write them.

The formulas need not make sense, because only engines are compared. So a derivative is simply
another random formula.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benchmarks.fuzzing.formulas import ELEMENTWISE, ROWS, VECTORS, Formula, defined
from xpnet.equations.activation import Activation
from xpnet.losses import Loss

__all__ = ["own_activation", "own_loss", "own_optimizer"]


def own_activation(rng: np.random.Generator, name: str, n: int) -> tuple[Activation, str]:
    """Return an activation for layers of n units, and its source."""
    templates = ELEMENTWISE if rng.random() < 0.6 else ROWS

    def formula(values: str) -> Formula:
        return Formula(rng, templates, n).given(full=values).grow(int(rng.integers(1, 7)))

    f = formula("Z").returning("f(xp, Z)", "{full}")
    vjp = formula("Z A dA").returning("vjp(xp, Z, A, dA)", "{full} + dA")
    product = defined(vjp)
    return Activation(name, defined(f), product, product), f"{f}\n{vjp}"


def own_loss(rng: np.random.Generator, n: int) -> tuple[Loss, str]:
    """Return a loss for targets (N, n), and its source."""
    formula = Formula(rng, ROWS, n).given(full="A Y").grow(int(rng.integers(2, 12)))
    if "row" not in formula.values:
        formula.given(row="xp.mean((A-Y)*(A-Y),axis=-1)")
    source = formula.returning("loss(xp, A, Y)", "{row} * 1.0, {full} * 1.0")
    return Loss("own", of_output=defined(source)), source


class _Settings(NamedTuple):
    learning_rate: Any
    sizes: tuple[tuple[int, ...] | None, ...]
    run: Any


class _Own(_Settings):
    """An optimizer whose state has arrays of the given sizes; None stands for the shape of θ."""

    __slots__ = ()

    def init(self, xp: Any, theta: Any) -> tuple[Any, ...]:
        """Return arrays of ones."""
        return tuple(
            xp.ones_like(theta) if size is None else xp.ones(size, dtype=theta.dtype)
            for size in self.sizes
        )

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """Return the rate, and a number that depends on the step."""
        return rate, rate / t

    def update(
        self, xp: Any, c: tuple[Any, ...], g: Any, state: tuple[Any, ...], theta: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """Apply the random formula."""
        found: tuple[Any, tuple[Any, ...]] = self.run(xp, c, g, state, theta)
        return found


_KINDS: dict[str, tuple[int, ...] | None] = {"vector": None, "one": (1,), "number": ()}


def own_optimizer(rng: np.random.Generator, n: int) -> tuple[_Own, str]:
    """Return an optimizer for n parameters, and its source."""
    kinds = [str(rng.choice(list(_KINDS))) for _ in range(rng.integers(0, 4))]
    formula = Formula(rng, VECTORS, n).given(vector="theta g")
    for k, kind in enumerate(kinds):
        formula.given(**{kind: f"state[{k}]"})
    formula.grow(int(rng.integers(1, 10)))
    state = [f"xp.tanh({{{kind}}}) * 1.0" for kind in kinds]
    result = f"theta - c[0] * xp.tanh({{vector}}) - c[1] * g, ({''.join(f'{s}, ' for s in state)})"
    source = formula.returning("update(xp, c, g, state, theta)", result)
    return _Own(0.05, tuple(_KINDS[kind] for kind in kinds), defined(source)), source

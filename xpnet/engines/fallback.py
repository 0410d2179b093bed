"""What runners of compiled steps share: a program for each kind of step, or the plain steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.engines.batches import Order
from xpnet.engines.graph.shapes import KernelError, TraceError
from xpnet.engines.runner import PlainRunner, warn_of_plain
from xpnet.engines.step import Recipe, State

__all__ = ["CompiledRunner"]


class CompiledRunner:
    """Steps as programs, one for each number of coefficients.

    An optimizer that accumulates gradients has two kinds of steps. The second is met in the middle
    of a fit; where it has no program, the plain steps go on from there.
    """

    engine = "fused"
    threads: int | None = None
    state: State

    def __init__(self, recipe: Recipe, data: tuple[Any, ...]) -> None:
        self._recipe, self._data = recipe, data
        self._steps: dict[int, Any] = {}
        self._plain: PlainRunner | None = None  # when a later program could not be made

    def program(self, n_coefficients: int) -> Any:
        """The program of steps with so many coefficients; TraceError where there is none."""
        raise NotImplementedError

    def prepare(self, program: Any, n_coefficients: int) -> None:
        """Compile it, ready for the first step."""
        raise NotImplementedError

    def complete(self, widths: set[int]) -> bool:
        """Make the programs that are missing; False, with a warning, where one cannot be made.

        No step is done: the state is as it was.
        """
        try:
            for n in widths - self._steps.keys():
                self.prepare(self.program(n), n)
        except (TraceError, KernelError) as error:
            warn_of_plain(error)
            return False
        return True

    def plain_state(self) -> State:
        """The state as the plain step takes it."""
        xp = self._recipe.backend.xp
        return self.state._replace(gradient=xp.zeros_like(self.state.theta))

    def run_plainly(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any] | None:
        """These steps in the plain loop, once a program could not be made; None where all are."""
        if self._plain is None and not self.complete(set(map(len, c[first:last]))):
            self._plain = PlainRunner(self._recipe, self.plain_state(), self._data, compile=False)
            self.engine, self.threads = self._plain.engine, self._plain.threads
        if self._plain is None:
            return None
        totals = self._plain.run(order, first, last, c, key)
        self.state = self._plain.state
        return totals

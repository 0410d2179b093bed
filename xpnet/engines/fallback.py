"""The base of runners of compiled steps: a program for each kind of step, or the plain loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.engines.batches import Order
from xpnet.engines.graph.shapes import KernelError, TraceError
from xpnet.engines.names import FUSED, Engine
from xpnet.engines.runner import PlainRunner, warn_of_plain
from xpnet.engines.step import Feed, Recipe, State
from xpnet.typing import Host

__all__ = ["CompiledRunner"]


class CompiledRunner:
    """Runs compiled programs, one for each number of coefficients that a step can have.

    An optimizer that accumulates gradients has two kinds of steps. The second kind first occurs in
    the middle of a fit. If no program can be made for it, the fit continues in the plain loop.
    """

    engine: Engine = FUSED
    threads: int | None = None
    ended: Host | None = None
    state: State

    def __init__(self, recipe: Recipe, data: Feed) -> None:
        self._recipe, self._data = recipe, data
        self._steps: dict[int, Any] = {}
        self._plain: PlainRunner | None = None  # used if a later program cannot be made

    def program(self, n_coefficients: int) -> Any:
        """Return the program of steps with n coefficients; raise TraceError if there is none."""
        raise NotImplementedError

    def prepare(self, program: Any, n_coefficients: int) -> None:
        """Compile the program, so that it is ready for the first step."""
        raise NotImplementedError

    def complete(self, widths: set[int]) -> bool:
        """Make the missing programs; warn and return False if one of them cannot be made.

        No step is run, so the state does not change.
        """
        try:
            for n in widths - self._steps.keys():
                self.prepare(self.program(n), n)
        except (TraceError, KernelError) as error:
            warn_of_plain(error)
            return False
        return True

    def plain_state(self) -> State:
        """Return the state in the form that the plain step takes."""
        xp = self._recipe.backend.xp
        return self.state._replace(gradient=xp.zeros_like(self.state.theta))

    def run_plainly(
        self, order: Order, first: int, last: int, c: Sequence[tuple[float, ...]], key: Any
    ) -> list[Any] | None:
        """Run these steps in the plain loop if a program cannot be made; else return None."""
        if self._plain is None and not self.complete(set(map(len, c[first:last]))):
            self._plain = PlainRunner(self._recipe, self.plain_state(), self._data, compile=False)
            self.engine, self.threads = self._plain.engine, self._plain.threads
        if self._plain is None:
            return None
        totals = self._plain.run(order, first, last, c, key)
        self.state = self._plain.state
        return totals

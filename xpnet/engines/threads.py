"""How many threads a fit runs on: a rule of the shapes, and of how many threads the BLAS has.

Another number of threads sums in another order, and gives other last bits; so it must not depend on
what else the machine does, and the history says what it was. Where the largest product of a step is
small, a second thread gains little on an idle machine, and on a busy one it waits for its core and
the step with it.

In the plain loop the BLAS's threads share each product. Compiled steps are shared by a team
(`xpnet.engines.loops.team`), each thread with some of the units, which gains sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xpnet.backends import Backend
from xpnet.backends.openblas import blas_threads, usual_threads
from xpnet.equations.parameters import Layers, layout

__all__ = ["fit_threads", "on_one_thread", "team_for", "threads_for"]

_ONE_THREAD = 4e6  # multiplications of a product up to which it gets one
_WORK, _UNITS = 1e6, 32  # multiplications and units that each thread of a team gets at least


def threads_for(layers: Layers, batch: int) -> int | None:
    """1, or None for as many as the BLAS has."""
    largest = max((rows * columns for _, rows, columns in layout(layers).matrices), default=0)
    return 1 if batch * largest <= _ONE_THREAD else None


def on_one_thread(layers: Layers, batch: int) -> bool:
    """Whether the products of a fit run on one, where no team does them."""
    return threads_for(layers, batch) == 1 or usual_threads() == 1


def team_for(layers: Layers, batch: int) -> int:
    """How many threads do compiled steps together, each its share of the units; 1 for no team."""
    available = usual_threads()  # another fit's limit may hold now, and is not of the shapes
    if available is None:
        return 1
    _, rows, columns = max(layout(layers).matrices, key=lambda W: W[1] * W[2])
    return max(1, min(available, int(batch * rows * columns / _WORK), rows // _UNITS))


@contextmanager
def fit_threads(backend: Backend, layers: Layers, batch: int) -> Iterator[int | None]:
    """Within it, NumPy's products keep to the rule; the number, where it is known."""
    if backend.name != "numpy":
        yield None
        return
    with blas_threads(threads_for(layers, batch)) as n:
        yield n

"""Choose the number of threads of a fit by the shapes and by the number of the BLAS's threads.

A different number of threads sums in a different order, which changes the last bits of a result. So
the number must not depend on the load of the machine, and the history records it. If the largest
product of a step is small, a second thread gains little on an idle machine. On a busy machine it
waits for a core, and the whole step waits for it.

In the plain loop, the BLAS's threads share each product. Compiled steps are shared by a team
(`xpnet.engines.loops.team`), in which each thread computes some of the units. A team pays off at
smaller sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xpnet.backends import Backend
from xpnet.backends.openblas import blas_threads, usual_threads
from xpnet.equations.parameters import Layers, layout

__all__ = ["all_threads", "fit_threads", "on_one_thread", "team_for", "threads_for"]

_ONE_THREAD = 4e6  # multiplications in a product, up to which one thread computes it
_WORK, _UNITS = 1e6, 32  # least multiplications and units for each thread of a team


def threads_for(layers: Layers, batch: int) -> int | None:
    """Return 1, or None for as many threads as the BLAS has."""
    largest = max((rows * columns for _, rows, columns in layout(layers).matrices), default=0)
    return 1 if batch * largest <= _ONE_THREAD else None


def on_one_thread(layers: Layers, batch: int) -> bool:
    """Whether the products of a fit run on one thread, if no team computes them."""
    return threads_for(layers, batch) == 1 or usual_threads() == 1


def team_for(layers: Layers, batch: int) -> int:
    """Return how many threads share the units in compiled steps; 1 for no team."""
    available = usual_threads()  # unlike the present number, free of another fit's limit
    if available is None:
        return 1
    _, rows, columns = max(layout(layers).matrices, key=lambda W: W[1] * W[2])
    return max(1, min(available, int(batch * rows * columns / _WORK), rows // _UNITS))


@contextmanager
def fit_threads(
    backend: Backend, layers: Layers, batch: int, n: int | None = None
) -> Iterator[int | None]:
    """Run NumPy's products on `threads_for` threads; yield their number, or None if unknown.

    If n is given, it replaces the rule, but no more threads are used than NumPy's BLAS has.
    """
    if not backend.uses_openblas:
        yield None
        return
    with blas_threads(threads_for(layers, batch) if n is None else n) as found:
        yield found


@contextmanager
def all_threads(backend: Backend, n: int | None = None) -> Iterator[int | None]:
    """Run NumPy's products on all threads of its BLAS, or on n; yield as `fit_threads`."""
    if not backend.uses_openblas:
        yield None
        return
    with blas_threads(n) as found:
        yield found

"""Run a case's steps by CUDA kernels, on the stand-in for CuPy (`tests.support.fake_cupy`)."""

from __future__ import annotations

import numpy as np

from xpnet.backends import get_backend, to_numpy
from xpnet.engines.batches import Order
from xpnet.engines.cuda.runner import CudaRunner
from xpnet.engines.step import Feed


def run_cuda(case, gathers=True):
    """Return the state and totals after steps by kernels; the host never waits during them."""
    backend = get_backend("cupy")
    with backend.context():
        runner, there = prepared(case, backend, gathers)
        n = len(case.c)
        index = there(case.order) if gathers else None
        starts = case.starts if gathers else np.arange(n + 1) * len(case.data.X)
        key = there(case.key)
        card = backend.xp.card
        card.launches.clear()
        with card.sealing():
            totals = runner.run(Order(index, starts, np.ones(n)), 0, n, case.c, key)
        return moved(runner.state, to_numpy), runner.read(totals)


def prepared(case, backend, gathers):
    """Return the runner with all its programs, and a function that moves arrays to its device."""

    def there(x):
        return None if x is None else backend.from_numpy(x)

    batch = int(np.diff(case.starts).max()) if gathers else len(case.data.X)
    recipe, data = case.recipe._replace(backend=backend), Feed(*map(there, case.data))
    runner = CudaRunner(recipe, moved(case.fresh(), there), data, batch, gathers)
    for width in {len(row) for row in case.c}:
        runner.prepare(runner.program(width), width)
    return runner, there


def moved(state, move):
    return state._replace(
        theta=move(state.theta),
        gradient=None,
        optimizer=tuple(map(move, state.optimizer)),
        stats=tuple(map(move, state.stats)),
    )

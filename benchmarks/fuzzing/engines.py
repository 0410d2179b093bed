"""Run a draw by each engine, and by the plain step that they are compared with.

Programs run as plain Python, and CUDA kernels on a stand-in for CuPy. Both come from the tests:
`tests/support/plain_runtime.py` and `tests/support/fake_cupy.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.fuzzing.compare import Results
from benchmarks.fuzzing.draw import Draw
from tests.support.fused_cases import Case, run_piece
from xpnet.engines.batches import Order
from xpnet.engines.cuda import kernels as cuda_kernels
from xpnet.engines.graph import remembered
from xpnet.engines.graph.step import own_state
from xpnet.engines.loops import program as programs
from xpnet.engines.loops.program import step_program
from xpnet.engines.step import Feed, Recipe, State, start, step
from xpnet.equations import sums
from xpnet.equations.masks import key_of, needs_masks
from xpnet.equations.parameters import layout
from xpnet.optimizers import bind, coefficients

__all__ = ["ENGINES", "by_plain_steps", "perturbed"]

RATE = 0.05


def case_of(draw: Draw) -> Case:
    """Return the draw as a `Case` of the tests."""
    net = draw.net
    assert net.loss is not None
    bound = bind(draw.optimizer, layout(net.layers))
    recipe = Recipe(net.backend, net.layers, net.loss, bound, draw.penalty, draw.max_norm)
    batches = draw.batches or [np.arange(len(draw.data[0]))] * draw.steps
    starts = np.cumsum([0, *map(len, batches)])
    key = key_of(net.seed, 0) if needs_masks(net.layers) else None
    c = coefficients(bound, 1, [RATE] * draw.steps)
    state = start(recipe, net.parameters, net.statistics)
    return Case(recipe, state, Feed(*draw.data), np.concatenate(batches), starts, c, key)


def results(state: State, totals: Any) -> Results:
    """Return all arrays after the steps, by name."""
    named = {"theta": state.theta, "losses": totals}
    named |= {f"moment{k}": x for k, x in enumerate(state.optimizer)}
    named |= {f"statistic{k}": x for k, x in enumerate(state.stats)}
    return {name: np.array(x) for name, x in named.items()}


def by_plain_steps(draw: Draw, change: Callable[[Any], Any] = np.asarray) -> Results:
    """Run `xpnet.engines.step.step` on NumPy; ``change`` maps the arrays of floats beforehand."""
    case = case_of(draw)
    state, totals = _changed(own_state(np, case.fresh()), change), []
    data = Feed(*(x if x is None or x.dtype.kind != "f" else change(x) for x in case.data))
    for s, c in enumerate(case.c):
        gathers = draw.batches is not None
        index = case.order[case.starts[s] : case.starts[s + 1]] if gathers else None
        state, total = step(case.recipe, state, data, index, c, case.key)
        totals.append(float(total))
    return results(state, totals)


def _changed(state: State, change: Callable[[Any], Any]) -> State:
    theta = change(state.theta)
    moments, stats = map(change, state.optimizer), map(change, state.stats)
    return State(theta, tuple(moments), np.zeros_like(theta), tuple(stats))


def perturbed(draw: Draw, times: int = 3) -> Iterator[Results]:
    """Yield the results of the plain steps with other roundings.

    The arrays change by up to four units in the last place, or sums and means by up to one. Last,
    the steps run once with more bits: float64 for float32, longdouble for float64.
    """
    rng = np.random.default_rng(draw.seed)

    def noisy(x: Any) -> Any:
        unit = 4 * np.finfo(x.dtype).eps * (x != np.floor(x))  # leaves categories unchanged
        return x * (1 + unit * rng.uniform(-1, 1, x.shape)).astype(x.dtype)

    def rounded(reduction: Callable[..., Any]) -> Callable[..., Any]:
        """Return the reduction with another rounding, as a different order of additions has."""
        return lambda x, **how: _rounded(rng, x.dtype, reduction(x, **how))

    for _ in range(times):
        yield by_plain_steps(draw, noisy)
        with (
            patch.object(sums, "_add", lambda xp: rounded(np.add.reduce)),
            patch.object(np, "mean", rounded(np.mean)),
            patch.object(np, "sum", rounded(np.sum)),
        ):
            yield by_plain_steps(draw)
    wider = np.float64 if draw.net.parameters.dtype == np.float32 else np.longdouble
    yield by_plain_steps(draw, lambda x: x.astype(wider))


def _rounded(rng: Any, dtype: Any, found: Any) -> Any:
    """Return the numbers, changed by up to one unit in the last place of that dtype."""
    return found * (1 + np.finfo(dtype).eps * rng.uniform(-1, 1, np.shape(found)))


def stretches(case: Case) -> Iterator[tuple[int, int]]:
    """Yield runs of steps with the same number of coefficients, hence the same program."""
    first = 0
    for _, same in groupby(map(len, case.c)):
        last = first + len(list(same))
        yield first, last
        first = last


def in_plain_python(draw: Draw) -> Results:
    """Run the source of a program as plain Python on guarded arrays.

    One thread does the steps one by one, each in fresh buffers. A team does all steps in one call.
    """
    case, gathers, team = case_of(draw), draw.batches is not None, draw.threads > 1
    state = own_state(np, case.fresh())
    order = np.random.default_rng(draw.seed).permutation(draw.threads).tolist()
    totals: list[Any] = []
    for first, last in stretches(case):
        batch = int(np.diff(case.starts).max())
        masks, n = case.key is not None, len(case.c[first])
        remembered._programs.clear()  # so that the program is written anew
        with patch.object(programs, "_LITERAL", 4096 if draw.literal else 0):
            program = step_program(case.recipe, state, case.data, n, masks, batch, gathers, team)
        pieces = [(first, last)] if team else [(s, s + 1) for s in range(first, last)]
        for piece in pieces:
            totals.extend(run_piece(case, program, state, piece, gathers, order))
    return results(state, totals)


_LIMITS = "_ROW_BLOCKS", "_FLAT_BLOCKS", "_TILE_STRIPS", "_GRID"


def by_gpp(draw: Draw) -> Results:
    """Run CUDA kernels that g++ compiles, on a stand-in for CuPy, sometimes with few blocks."""
    import pytest

    from tests.support.cuda_runs import run_cuda
    from tests.support.fake_cupy import install

    with pytest.MonkeyPatch.context() as patched:
        install(patched, kernels=True)
        for limit in _LIMITS if draw.literal else ():
            patched.setattr(cuda_kernels, limit, 2)
        return results(*run_cuda(case_of(draw), draw.batches is not None))


def by_numba(draw: Draw) -> Results:
    """Run loops that numba compiles, with bounds checks, sometimes by a team of threads."""
    import numba
    import pytest

    from tests.support.poison import poison_memory
    from xpnet.engines.loops.runner import FusedRunner

    case, gathers, n = case_of(draw), draw.batches is not None, draw.steps
    with (
        pytest.MonkeyPatch.context() as patched,
        TemporaryDirectory(prefix="xpnet-fuzz-") as folder,
    ):
        patched.setattr(numba.config, "BOUNDSCHECK", 1)
        patched.setattr(programs, "_LITERAL", 4096 if draw.literal else 0)
        patched.setenv("XPNET_CACHE", folder)
        poison_memory(patched)
        batch, threads = int(np.diff(case.starts).max()), draw.threads
        runner = FusedRunner(case.recipe, case.fresh(), case.data, batch, gathers, threads)
        for width in {len(row) for row in case.c}:
            runner.prepare(runner.program(width), width)
        order = Order(case.order if gathers else None, case.starts, np.ones(n))
        return results(runner.state, runner.read(runner.run(order, 0, n, case.c, case.key)))


ENGINES: dict[str, Callable[[Draw], Results]] = {
    "plain": in_plain_python,
    "gpp": by_gpp,
    "numba": by_numba,
}
"""Each engine by the name of its option of `benchmarks.fuzz`."""

"""Training steps as programs that run as plain Python, for the tests of compiled loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import BrokenBarrierError, Semaphore, get_ident
from typing import Any, NamedTuple

import numpy as np

import xpnet
from tests.support import plain_runtime
from tests.support.guarded import guarded
from tests.support.helpers import relative
from tests.support.plain_runtime import empty
from xpnet.engines.graph.step import given_arrays
from xpnet.engines.loops.program import Program, step_program
from xpnet.engines.step import Feed, Recipe, State, start, step
from xpnet.equations.masks import key_of, needs_masks
from xpnet.equations.parameters import layout
from xpnet.optimizers import bind, coefficients, get_optimizer


@dataclass
class Case:
    """A few steps on random examples; the last batch is smaller if possible."""

    recipe: Recipe
    state: State
    data: Feed
    order: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]
    c: list[tuple[float, ...]]
    key: Any

    def fresh(self) -> State:
        return start(self.recipe, self.state.theta, self.state.stats)


def case(net, X, Y, w=None, *, optimizer, penalty=None, max_norm=None, steps=3, batch=4) -> Case:
    bound = bind(optimizer, layout(net.layers))
    recipe = Recipe(net.backend, net.layers, net.loss, bound, penalty, max_norm)
    rng = np.random.default_rng(11)
    order = rng.permutation(np.arange(len(X)).repeat(2))[: steps * batch - (batch > 1)]
    starts = np.minimum(np.arange(steps + 1) * batch, len(order))
    key = key_of(net.seed, 0) if needs_masks(net.layers) else None
    c = coefficients(bound, 1, [0.05] * steps)
    state = start(recipe, net.parameters, net.statistics)
    return Case(recipe, state, Feed(X, Y, w), order, starts, c, key)


def alike(rows: int = 3) -> Case:
    """Return steps in float32 on batches with identical rows, through batch normalisation.

    The mean must equal the rows bit by bit. Otherwise the difference would be divided by √ε.
    """
    rng = np.random.default_rng(4)
    layers = [xpnet.layers.BatchNorm(momentum=0.5), xpnet.layers.Dense(2, "tanh")]
    net = xpnet.Network([5, *layers, 2], loss="mean_squared_error", rng=1)
    X = np.repeat(rng.normal(size=(1, 5)).astype("float32"), 2 * rows, axis=0)
    Y = rng.normal(size=(2 * rows, 2)).astype("float32")
    return case(net, X, Y, optimizer=get_optimizer("adam"), steps=1, batch=rows + 1)


FUNCTIONS = {
    **{
        name: (lambda xp, Z, name=name: getattr(xp, name)(Z))
        for name in (
            "abs",
            "exp",
            "expm1",
            "log",
            "log1p",
            "sqrt",
            "square",
            "tanh",
            "sinh",
            "sign",
        )
    },
    "floor": lambda xp, Z: xp.floor(Z),
    "clip": lambda xp, Z: xp.clip(Z, -2.0, 3.0),
    "maximum": lambda xp, Z: xp.maximum(Z, -Z),
    "minimum": lambda xp, Z: xp.minimum(Z, 1.0),
    "logaddexp, equal": lambda xp, Z: xp.logaddexp(Z, Z),
    "logaddexp, apart": lambda xp, Z: xp.logaddexp(Z, -Z),
    "where": lambda xp, Z: xp.where(Z > 0.5, Z, -Z),
    "isnan": lambda xp, Z: xp.astype(xp.isnan(Z), Z.dtype),
    "isfinite": lambda xp, Z: xp.astype(xp.isfinite(Z), Z.dtype),
    "power": lambda xp, Z: Z**2,
    "quotient": lambda xp, Z: 1.0 / Z,
}
ENDS = [np.inf, -np.inf, np.nan, 0.0, 1.0, -1.0, 1e-300, 1e300, -1e300, 800.0, -800.0, 0.3]


class Still(NamedTuple):
    """An optimizer that leaves θ unchanged, because 0 · ∞ in the gradient is NaN."""

    learning_rate: float = 0.1

    def init(self, xp, theta):
        return ()

    def coefficients(self, t, rate):
        return ()

    def update(self, xp, c, g, state, theta):
        return theta, state


def at_the_ends(f: Callable[[Any, Any], Any]) -> Case:
    """Return a case with a step for each of `ENDS`, whose loss is f of that number."""
    own = xpnet.Activation("own", f, lambda xp, Z, A, dA: xp.zeros_like(dA), f)
    loss = xpnet.Loss("own", of_output=lambda xp, A, Y: (A[..., 0], xp.zeros_like(A)))
    net = xpnet.Network([1, xpnet.layers.Dense(1, own)], loss=loss, dtype="float64", rng=0)
    net.set_parameters(np.asarray([1.0, 0.0]))
    X = np.asarray(ENDS)[:, None]
    made = case(net, X, X, optimizer=Still(), steps=len(X), batch=1)
    return replace(made, order=np.arange(len(X)))


def step_of(case: Case, gathers: bool = True) -> tuple[Any, ...]:
    """Return the arguments from which `step_program` and `cuda_program` make a program."""
    masks, n = case.key is not None, len(case.c[0])
    return case.recipe, case.fresh(), case.data, n, masks, _batch(case, gathers), gathers


def _batch(case: Case, gathers: bool) -> int:
    """Return the rows of a step: the size of the largest batch, or all rows."""
    return int(np.diff(case.starts).max()) if gathers else len(case.data.X)


def program_of(case: Case, gathers: bool = True, team: bool = False) -> Program:
    return step_program(*step_of(case, gathers), team)


def run_source(
    case: Case, program: Program, gathers: bool = True, order: Sequence[int] = (0,)
) -> tuple[State, Any]:
    """Run the program's source in plain Python; return the state and totals after the steps.

    Between two barriers a team's threads run one after the other, in this order.
    """
    state = case.fresh()
    return state, run_piece(case, program, state, (0, len(case.c)), gathers, order)


def run_piece(
    case: Case,
    program: Program,
    state: State,
    piece: tuple[int, int],
    gathers: bool = True,
    order: Sequence[int] = (0,),
) -> np.ndarray[Any, Any]:
    """Run steps first … last − 1, which overwrite the state; return their totals."""
    first, last = piece
    arrays = _guarded_arrays(program, state, case)
    batch = _batch(case, gathers)
    buffers = tuple(
        empty([batch if n is None else n for n in b.shape], b.dtype) for b in program.buffers
    )
    lengths, constants = np.asarray(program.lengths), np.asarray(program.constants)
    totals = empty(last - first, np.float64)
    starts = case.starts[first : last + 1] if gathers else np.arange(last - first + 1) * batch
    given = case.order, starts, np.asarray(case.c[first:last], dtype=np.float64)
    fixed = (guarded(x, writeable=False) for x in given)
    _run(program, (lengths, constants, arrays, buffers, *fixed, totals), order)
    return np.asarray(totals)


def _guarded_arrays(program: Program, state: State, case: Case) -> tuple[Any, ...]:
    """Return the program's inputs as guarded arrays; only those of the state are writeable."""
    arrays = given_arrays(program.inputs, state, case.data, case.key)
    own = [name.startswith(("theta", "moment", "stat")) for name in program.inputs]
    return tuple(guarded(x, writes) for x, writes in zip(arrays, own, strict=True))


class InTurn:
    """A team's barrier that lets one thread run at a time, in a fixed order.

    Each thread runs up to the next barrier before the next thread starts. So a missing barrier
    always changes the results.
    """

    def __init__(self, order: Sequence[int]) -> None:
        self.order = order
        self._go = {rank: Semaphore(0) for rank in order}
        self._here = Semaphore(0)
        self._ranks: dict[int, int] = {}
        self._under_way = set(order)
        self._failed = False

    def wait(self) -> None:
        """Pause the calling thread until its next turn."""
        self._here.release()
        self._go[self._ranks[get_ident()]].acquire()
        if self._failed:
            raise BrokenBarrierError

    def run(self, work: Callable[[int], None]) -> None:
        """Run ``work(rank)`` in all threads until they end."""

        def one(rank: int) -> None:
            self._ranks[get_ident()] = rank
            self._go[rank].acquire()
            try:
                work(rank)
            except BaseException:
                self._failed = True
                raise
            finally:
                self._under_way.remove(rank)
                self._here.release()

        with ThreadPoolExecutor(len(self.order)) as pool:
            done = [pool.submit(one, rank) for rank in self.order]
            while self._under_way:
                for rank in [rank for rank in self.order if rank in self._under_way]:
                    self._go[rank].release()
                    self._here.acquire()
        for each in done:
            each.result()


def _run(program: Program, arguments: tuple[Any, ...], order: Sequence[int]) -> None:
    """Run a program by one thread or a team."""
    run, handling = _function(program.source), {**np.geterr(), "over": "ignore"}  # hashes overflow
    if program.n_shared is None:
        with np.errstate(**handling):
            run(*arguments)
        return
    barrier, shared = InTurn(order), empty((len(order), program.n_shared), np.float64)

    def work(rank: int) -> None:
        with np.errstate(**handling):
            run(*arguments, rank, len(order), barrier, shared)

    barrier.run(work)


def _function(source: str) -> Any:
    head = "from xpnet.engines.loops.runtime import *"
    assert source.startswith(head)
    space = {name: getattr(plain_runtime, name) for name in plain_runtime.__all__}
    exec(source.removeprefix(head), space)
    return space["run"]


def run_plain(case: Case, gathers: bool = True) -> tuple[State, Any]:
    """Run the plain step; return the state and totals after the steps."""
    state, totals = case.fresh(), []
    for s, c in enumerate(case.c):
        index = case.order[case.starts[s] : case.starts[s + 1]] if gathers else None
        state, total = step(case.recipe, state, case.data, index, c, case.key)
        totals.append(float(total))
    return state, np.asarray(totals)


def difference(a: tuple[State, Any], b: tuple[State, Any]) -> float:
    """Return the largest relative difference of θ, optimizer state, statistics and totals."""
    (one, totals), (two, others) = a, b
    pairs = [(one.theta, two.theta), (totals, others)]
    pairs += [*zip(one.optimizer, two.optimizer, strict=True)]
    pairs += [*zip(one.stats, two.stats, strict=True)]
    return max(relative(x, y) for x, y in pairs)

"""Choose the runner of a fit: streamed, compiled loops if worthwhile, CUDA kernels, or plain.

A streamed fit copies its data from the host batch by batch. The plain loop calls one step after
another; on JAX it compiles the step by `jax.jit`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xpnet.backends import Backend
from xpnet.backends.openblas import usual_threads
from xpnet.checks.inputs import OwnRows
from xpnet.engines.batches import Batches
from xpnet.engines.names import KERNELS
from xpnet.engines.own_batches import OwnBatches
from xpnet.engines.runner import PlainRunner, Runner, warn_of_plain
from xpnet.engines.step import Feed, Recipe, State, advance, start
from xpnet.engines.threads import team_for
from xpnet.equations.parameters import Layers, layout
from xpnet.equations.returned import ReturnedError, suppress_all_but
from xpnet.errors import warn

if TYPE_CHECKING:
    from xpnet.engines.cuda.runner import CudaRunner
    from xpnet.engines.loops.program import Program

__all__ = ["choose_runner", "cuda_runner", "may_compile", "pays_in_all", "plain_seconds"]

_FEW = 5  # examples
_PAYS_IMPORT = 2.0
"""Import numba if the plain loop would take at least this many seconds for the fit."""

_PAYS = 6.0
"""Compile if the plain loop would take at least this many times as long as compiling."""

_COPIES = 16
_FEW_NUMBERS = 2**25
"""Networks with rows of their own are compiled if the copies of their rows are at most so many
times the rows of X, or hold at most so many numbers."""

Fixed = tuple[Any, ...]
"""Arguments of a compiled runner: the recipe, the state, the data, the batch size, and whether
batches are gathered. If data are streamed, the lanes follow: the buffers through which batches
travel from the host to the device (`xpnet.backends.lanes`)."""


def choose_runner(
    recipe: Recipe,
    state: State,
    data: Feed,
    batches: Batches | OwnBatches,
    epochs: int,
    compile: bool | None,
    streamed: bool,
    *,
    by_shapes: bool = False,
    team: int | None = None,
) -> Runner:
    """Return the runner of a fit.

    ``compile`` is True, False, or None, which leaves the choice to this function. ``streamed`` says
    that the data stay on the host. A stack computes with arrays of three axes. Compiled loops
    and CUDA kernels support two, so a stack runs in the plain loop, unless its networks have
    batches of their own: then each may run as a compiled program by itself.

    With ``by_shapes``, the choice does not depend on what is compiled or imported already: a fit
    that is resumed in another process must choose as before. ``team`` is the number of threads that
    share compiled steps, if not the usual one.
    """
    if streamed:
        from xpnet.engines.streamed import StreamedRunner

        assert isinstance(batches, Batches)  # networks with rows of their own are never streamed
        return StreamedRunner(recipe, state, data, batches, compile)
    compiled_as, compiles = recipe.backend.compiled_as, compile is not False
    if compiled_as == "loops" and compiles and isinstance(batches, OwnBatches):
        each = _each(recipe, state, data, batches, epochs, compile, by_shapes)
        if each is not None:
            return each
    single = state.theta.ndim == 1
    fixed = recipe, state, data, batches.size, batches.gathers
    if compiled_as == "loops" and compiles and single:
        steps = epochs * batches.per_epoch
        seconds = plain_seconds(recipe.layers, batches.size, steps)
        fused = _fused(fixed, compile, seconds, by_shapes, team)
        if fused is not None:
            return fused
    if compiled_as == KERNELS and compiles and single:
        kernels = cuda_runner(fixed, compile)
        if kernels is not None:
            return kernels
    if compile and compiled_as in ("loops", KERNELS) and not single:
        _warn_of_stack(compiled_as, batches)
    runner = PlainRunner(recipe, state, data, compiles)
    if compile and not compiled_as:
        name = recipe.backend.name
        warn(f"compile=True has no effect on backend {name!r}: it works on numpy, cupy and jax")
    return runner


def _warn_of_stack(compiled_as: str, batches: Batches | OwnBatches) -> None:
    """Warn that a stack is not compiled, unless it has been said already."""
    if compiled_as == KERNELS:
        warn("compile=True has no effect on a stack on CuPy")
    elif isinstance(batches, Batches):
        warn(
            "compile=True has no effect on a stack whose networks share their batches: give them "
            "rows of their own, fit(rows=…), or train each stack[r] separately"
        )


def plain_seconds(layers: Layers, batch: int, steps: int) -> float:
    """Estimate the seconds that ``steps`` steps take in the plain loop on a common CPU.

    The estimate depends only on the shapes. If it were measured, the load of the machine would
    affect the choice of engine, and so the last bits of a result.
    """
    products = 6.0 * batch * layout(layers).n_weights
    return steps * (40e-6 * len(layers) + products / 5e10)


def may_compile(
    backend: Backend,
    layers: Layers,
    batch: int,
    steps: int,
    wanted: bool | None,
    by_shapes: bool = False,
) -> bool:
    """Whether so many steps of networks with batches of their own are likely to be compiled.

    ``by_shapes`` is that of `choose_runner`.
    """
    if backend.compiled_as != "loops" or wanted is False:
        return False
    seconds = plain_seconds(layers, batch, steps)
    return _may_load_numba(wanted, seconds, layers if by_shapes else None)


def pays_in_all(layers: Layers, batch: int, steps: int) -> bool:
    """Whether several fits of equal layers, ``steps`` in all, pay for compiling once.

    Their code is compiled for the first of them, whatever the widths, and kept on disk. So it pays
    earlier than in a fit of which nothing is known.
    """
    from xpnet.engines.loops.cache import numba_version

    enough = plain_seconds(layers, batch, steps) >= compile_seconds(layers)
    return enough and numba_version() is not None


def compile_seconds(layers: Layers) -> float:
    """Estimate the seconds that compiling takes.

    Measured: 4 to 18 s for 1 to 16 hidden layers. Beyond that, the time grows faster: 64 hidden
    layers take two minutes.
    """
    return 3.0 + len(layers)


def numba_is_loaded() -> bool:
    """Whether numba is imported already, so that loading from its cache costs nothing."""
    return "numba" in sys.modules


def _may_load_numba(wanted: bool | None, seconds: float, layers: Layers | None = None) -> bool:
    """Whether to load numba; ImportError if it is wanted and not installed.

    With ``layers``, the answer does not depend on what is imported or compiled already.
    """
    from xpnet.engines.loops.cache import numba_version

    if numba_version() is None:
        if wanted:
            raise ImportError('compiled loops need numba: pip install "xpnet[fast]"')
        return False
    if layers is not None:
        return bool(wanted) or seconds >= _PAYS * compile_seconds(layers)
    return bool(wanted) or seconds >= _PAYS_IMPORT or numba_is_loaded()


def _fused(
    fixed: Fixed, wanted: bool | None, seconds: float, by_shapes: bool, team: int | None
) -> Runner | None:
    """Return a runner of compiled loops; None without numba, or if they are not worthwhile."""
    from xpnet.engines.loops.cache import is_compiled

    long_enough = seconds >= _PAYS * compile_seconds(fixed[0].layers)
    if not _may_load_numba(wanted, seconds, fixed[0].layers if by_shapes else None):
        return None
    from xpnet.engines.loops.runner import FusedRunner

    recipe, _, _, batch, _ = fixed

    def pays(program: Program) -> bool:
        return bool(wanted) or long_enough or is_compiled(program.source)

    threads = team or team_for(recipe.layers, batch)
    runner: Runner | None = _prepared(FusedRunner, (*fixed, threads), wanted, pays)
    return runner


def _each(
    recipe: Recipe,
    state: State,
    data: Feed,
    batches: OwnBatches,
    epochs: int,
    wanted: bool | None,
    by_shapes: bool,
) -> Runner | None:
    """Return a runner of compiled loops for each network of a stack; None if not worthwhile."""
    from xpnet.engines.loops.cache import is_compiled

    R = len(batches.own.rows)
    seconds = plain_seconds(recipe.layers, batches.size, epochs * batches.per_epoch * R)
    layers = recipe.layers if by_shapes else None
    if not _may_load_numba(wanted, seconds, layers):
        return None
    if not (wanted or _has_memory(data, batches.own)):
        return None
    from xpnet.engines.graph.shapes import TraceError
    from xpnet.engines.loops.each_runner import EachRunner

    n = len(recipe.optimizer.coefficients(1, 0.0))
    runner = EachRunner(recipe, state, data, batches.own, batches.size, usual_threads() or 1)
    try:
        programs = runner.programs(n)
        sources = {program.source for program in programs}
        new = [source for source in sources if by_shapes or not is_compiled(source)]
        if not wanted and seconds < len(new) * _PAYS * compile_seconds(recipe.layers):
            return None
        runner.prepare(programs, n)
    except (TraceError, ImportError) as error:
        if wanted:
            warn_of_plain(error)
        return None
    return runner


def _has_memory(data: Feed, own: OwnRows) -> bool:
    """Whether the networks' copies of their rows are not many times larger than the data."""
    rows = {each.tobytes(): len(each) for each in own.rows}
    N, n_in = data.X.shape
    return bool(sum(rows.values()) <= max(_COPIES * N, _FEW_NUMBERS // n_in))


def cuda_runner(fixed: Fixed, wanted: bool | None) -> CudaRunner | None:
    """Return a runner of CUDA kernels, which are worthwhile in every fit; None if there is none."""
    from xpnet.engines.cuda.runner import CudaRunner

    runner: CudaRunner | None = _prepared(CudaRunner, fixed, wanted, lambda program: True)
    return runner


def _prepared(kind: Any, fixed: Fixed, wanted: bool | None, pays: Callable[[Any], bool]) -> Any:
    """Return a runner of that kind, ready for the first step; None if impossible or not worthwhile.

    If it is impossible, warn if compilation was requested, or if CUDA kernels do not compile.
    """
    from xpnet.engines.graph.shapes import KernelError, TraceError

    n = len(fixed[0].optimizer.coefficients(1, 0.0))
    runner = kind(*fixed)
    try:
        program = runner.program(n)
        if not pays(program):
            return None
        runner.prepare(program, n)
    except (TraceError, ImportError, KernelError) as error:
        _check_returned(*fixed[:3])
        if wanted or isinstance(error, KernelError):
            whose = "" if isinstance(error, KernelError) else _whose(*fixed[:3])
            warn_of_plain(f"{error}{whose}")
        return None
    return runner


def _check_returned(recipe: Recipe, state: State, data: Feed) -> None:
    """Raise the plain loop's error if a user's function returns an invalid value.

    Such a value may be the reason why the step could not be recorded. Its error is more useful than
    a warning about recording, so it comes first. The functions run on zeros, because a batch that
    is still being copied to the device must not be read.
    """
    zeros = recipe.backend.xp.zeros
    X, Y = (zeros((_FEW, *x.shape[1:]), dtype=x.dtype) for x in (data.X, data.Y))
    with suppress_all_but(ReturnedError):
        fresh = start(recipe, state.theta, state.stats)
        c = recipe.optimizer.coefficients(1, 0.0)
        advance(recipe, fresh, Feed(X, Y), c)


def _whose(recipe: Recipe, state: State, data: Feed) -> str:
    """Name the part of the step that cannot be compiled, for a message; "" if none is found."""
    from xpnet.engines.graph.why_not_compiled import why_not_compiled

    found = why_not_compiled(recipe, state, data.Y)
    return f" ({found})" if found else ""

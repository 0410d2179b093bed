"""Which runner a fit takes: the plain loop, compiled loops where they pay, or CUDA kernels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xpnet.engines.batches import Batches
from xpnet.engines.runner import PlainRunner, Runner, warn_of_plain
from xpnet.engines.step import Recipe, State, advance, start
from xpnet.engines.threads import team_for
from xpnet.equations.parameters import Layers, layout
from xpnet.equations.returned import ReturnedError, suppress_all_but
from xpnet.errors import warn

if TYPE_CHECKING:
    from xpnet.engines.cuda.runner import CudaRunner
    from xpnet.engines.loops.program import Program

__all__ = ["choose_runner", "cuda_runner", "plain_seconds"]

_FUSED = ("numpy", "cupy")  # which say themselves why they compile nothing
_FEW = 5  # examples
_PAYS_IMPORT = 2.0
"""Seconds that a fit must take in the plain loop for numba to be imported."""

_PAYS = 6.0
"""Times the seconds of compiling that it must take for that to be done."""

Fixed = tuple[Any, ...]
"""What a compiled runner is made of: the recipe, the state, data, size of a batch, whether it is
gathered, and the lanes by which data come, if they do."""


def choose_runner(
    recipe: Recipe,
    state: State,
    data: tuple[Any, Any, Any],
    batches: Batches,
    epochs: int,
    compile: bool | None,
    streamed: bool,
) -> Runner:
    """The runner of a fit, by its ``compile``: True, False, or None for the rule here.

    ``streamed`` says that the data stay on the host. A stack's steps have three axes, which neither
    loops nor kernels have.
    """
    if streamed:
        from xpnet.engines.streamed import StreamedRunner

        return StreamedRunner(recipe, state, data, batches, compile)
    name, compiles = recipe.backend.name, compile is not False
    single = state.theta.ndim == 1
    fixed = recipe, state, data, batches.size, batches.gathers
    if name == "numpy" and compiles and single:
        steps = epochs * batches.per_epoch
        seconds = plain_seconds(recipe.layers, batches.size, steps)
        fused = _fused(fixed, compile, seconds)
        if fused is not None:
            return fused
    if name == "cupy" and compiles and single:
        kernels = cuda_runner(fixed, compile)
        if kernels is not None:
            return kernels
    runner = PlainRunner(recipe, state, data, compiles)
    if compile and runner.engine == "plain" and name not in _FUSED:
        compiled = ", ".join(_FUSED)
        warn(f"compile=True does nothing on backend {name!r}, only on {compiled} and jax")
    return runner


def plain_seconds(layers: Layers, batch: int, steps: int) -> float:
    """Roughly what that many steps take in the plain loop on a common CPU.

    A function of the shapes alone: a measured time would make the choice, and with it the last
    bits of a result, depend on what else the machine does.
    """
    products = 6.0 * batch * layout(layers).n_weights
    return steps * (40e-6 * len(layers) + products / 5e10)


def compile_seconds(layers: Layers) -> float:
    """Roughly what compiling takes: 4 to 18 s were measured for 1 to 16 hidden layers.

    Beyond that it grows faster, to two minutes for 64.
    """
    return 3.0 + len(layers)


def numba_is_loaded() -> bool:
    """Whether it is imported already: then what is in the cache costs nothing."""
    return "numba" in sys.modules


def _fused(fixed: Fixed, wanted: bool | None, seconds: float) -> Runner | None:
    """Compiled loops; None without numba, and where they would not pay."""
    from xpnet.engines.loops.cache import is_compiled, numba_version

    if numba_version() is None:
        if wanted:
            raise ImportError('compiled loops need numba: pip install "xpnet[fast]"')
        return None
    if not wanted and seconds < _PAYS_IMPORT and not numba_is_loaded():
        return None
    from xpnet.engines.loops.runner import FusedRunner

    def pays(program: Program) -> bool:
        long_enough = seconds >= _PAYS * compile_seconds(recipe.layers)
        return bool(wanted) or long_enough or is_compiled(program.source)

    recipe, _, _, batch, _ = fixed
    team = team_for(recipe.layers, batch)
    runner: Runner | None = _prepared(FusedRunner, (*fixed, team), wanted, pays)
    return runner


def cuda_runner(fixed: Fixed, wanted: bool | None) -> CudaRunner | None:
    """The step as CUDA kernels, which pay in every fit."""
    from xpnet.engines.cuda.runner import CudaRunner

    runner: CudaRunner | None = _prepared(CudaRunner, fixed, wanted, lambda program: True)
    return runner


def _prepared(kind: Any, fixed: Fixed, wanted: bool | None, pays: Callable[[Any], bool]) -> Any:
    """A runner of that kind, ready for the first step; None where there is none, or it won't pay.

    What a user asked for, or should have had, and does not get is a warning.
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


def _check_returned(recipe: Recipe, state: State, data: tuple[Any, Any, Any]) -> None:
    """Raise what the plain loop would, where a user's function returns what it must not.

    That is why it could not be recorded then, and comes before any warning of that. It is tried on
    zeros: a batch that is still on its way to the device must not be read.
    """
    zeros = recipe.backend.xp.zeros
    X, Y = (zeros((_FEW, *x.shape[1:]), dtype=x.dtype) for x in data[:2])
    with suppress_all_but(ReturnedError):
        fresh = start(recipe, state.theta, state.stats)
        c = recipe.optimizer.coefficients(1, 0.0)
        advance(recipe, fresh, (X, Y, None), None, c)


def _whose(recipe: Recipe, state: State, data: tuple[Any, Any, Any]) -> str:
    """The part of the step that cannot be compiled, for a message; nothing where it is none."""
    from xpnet.engines.graph.why_not_compiled import why_not_compiled

    found = why_not_compiled(recipe, state, data[1])
    return f" ({found})" if found else ""

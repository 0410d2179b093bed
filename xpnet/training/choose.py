"""Which runner a fit takes: the plain loop, compiled loops where they pay, or CUDA kernels."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from xpnet.parameters import Layers, layout
from xpnet.training.batches import Batches
from xpnet.training.runner import PlainRunner, Runner
from xpnet.training.settings import Settings
from xpnet.training.step import Recipe, State

__all__ = ["choose_runner", "plain_seconds"]

_PAYS_IMPORT, _PAYS = 2.0, 30.0
"""Seconds that a fit must take in the plain loop for numba to be imported, and to compile."""


def choose_runner(
    recipe: Recipe, state: State, data: tuple[Any, Any, Any], batches: Batches, settings: Settings
) -> Runner:
    """The runner of a fit, by its ``compile``: True, False, or None for the rule here.

    A stack's steps have three axes, which neither loops nor kernels have.
    """
    if state.theta.ndim > 1:
        return PlainRunner(recipe, state, data, compile=settings.compile is not False)
    if recipe.backend.name == "numpy" and settings.compile is not False:
        steps = settings.epochs * batches.per_epoch
        seconds = plain_seconds(recipe.layers, batches.size, steps)
        fused = _fused(recipe, state, data, batches, settings.compile, seconds)
        if fused is not None:
            return fused
    if recipe.backend.name == "cupy" and settings.compile is not False:
        kernels = _cuda(recipe, state, data, batches, settings.compile)
        if kernels is not None:
            return kernels
    return PlainRunner(recipe, state, data, compile=settings.compile is not False)


def plain_seconds(layers: Layers, batch: int, steps: int) -> float:
    """Roughly what that many steps take in the plain loop on a common CPU.

    A function of the shapes alone: a measured time would make the choice, and with it the last
    bits of a result, depend on what else the machine does.
    """
    products = 6.0 * batch * layout(layers).n_weights
    return steps * (40e-6 * len(layers) + products / 5e10)


def numba_is_loaded() -> bool:
    """Whether it is imported already: then what is in the cache costs nothing."""
    return "numba" in sys.modules


def _fused(
    recipe: Recipe,
    state: State,
    data: tuple[Any, Any, Any],
    batches: Batches,
    wanted: bool | None,
    seconds: float,
) -> Runner | None:
    from xpnet.fused.cache import is_compiled, numba_version

    if numba_version() is None:
        if wanted:
            raise ImportError('compiled loops need numba: pip install "xpnet[fast]"')
        return None
    if not wanted and seconds < _PAYS_IMPORT and not numba_is_loaded():
        return None
    from xpnet.fused.runner import FusedRunner
    from xpnet.fused.shapes import TraceError

    n = len(recipe.optimizer.coefficients(1, 0.0))
    runner = FusedRunner(recipe, state, data, batches.size, batches.gathers)
    try:
        program = runner.program(n)
        if not wanted and seconds < _PAYS and not is_compiled(program.source):
            return None
        runner.prepare(program, n)
    except (TraceError, ImportError) as error:
        if wanted:
            warnings.warn(f"the steps run in the plain loop: {error}", stacklevel=2)
        return None
    return runner


def _cuda(
    recipe: Recipe,
    state: State,
    data: tuple[Any, Any, Any],
    batches: Batches,
    wanted: bool | None,
) -> Runner | None:
    """The step as CUDA kernels; None, with a warning, where they cannot be had."""
    from xpnet.fused.cuda_runner import CudaRunner
    from xpnet.fused.shapes import TraceError

    try:
        runner = CudaRunner(recipe, state, data, batches.size, batches.gathers)
        runner.prepare(runner.program(len(recipe.optimizer.coefficients(1, 0.0))))
    except TraceError as error:
        if wanted:
            warnings.warn(f"the steps run in the plain loop: {error}", stacklevel=2)
        return None
    except Exception as error:  # NVRTC's own, a missing library or header, the driver, memory
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        warnings.warn(
            f"the steps run in the plain loop, since their CUDA kernels cannot be made: {what}",
            stacklevel=2,
        )
        return None
    return runner

"""Run a draw by an engine and by the plain steps, and report the outcome."""

from __future__ import annotations

import time
import traceback
from typing import NamedTuple

import numpy as np

from benchmarks.fuzzing.compare import verdict
from benchmarks.fuzzing.draw import Draw, draw
from benchmarks.fuzzing.engines import ENGINES, by_plain_steps, perturbed
from xpnet.engines.graph.shapes import TraceError

__all__ = ["Outcome", "outcome", "reproduce"]


class Outcome(NamedTuple):
    """The outcome of a seed.

    Attributes
    ----------
    status : {"same", "noisy", "refused", "failed"}
    what : str
        How far apart the results are, why there is no program, or what failed.
    families : tuple of str
        The kinds of its layers, its loss and its optimizers.
    """

    seed: int
    status: str
    what: str
    families: tuple[str, ...]
    seconds: float


def reproduce(engine: str, seed: int) -> str:
    """Return the command that repeats a draw."""
    return f"python -m benchmarks fuzz --{engine} 1 --seed {seed}"


def outcome(engine: str, seed: int) -> Outcome:
    """Return the outcome of one seed."""
    began = time.perf_counter()
    made = draw(seed)
    with np.errstate(all="ignore"):  # random steps may overflow, then in every engine
        status, what = _compared(engine, made)
    return Outcome(seed, status, what, made.families, time.perf_counter() - began)


def _compared(engine: str, made: Draw) -> tuple[str, str]:
    expected = by_plain_steps(made)
    try:
        found = ENGINES[engine](made)
    except TraceError as error:
        return "refused", str(error)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} (line {where.lineno} of {where.filename})"
        return "failed", f"{what}\n{made}"
    dtype = str(made.net.parameters.dtype)
    status, what = verdict(found, expected, dtype, lambda: perturbed(made))
    return ("failed", f"{what}\n{made}") if status == "differs" else (status, what)

"""What L-BFGS remembers after an iteration, as arrays for a checkpoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpnet.backends import Backend
from xpnet.errors import CheckpointError
from xpnet.optimizers.lbfgs import Minimization
from xpnet.optimizers.line_search import Point
from xpnet.optimizers.pairs import Pair
from xpnet.training.run_state import RunState
from xpnet.typing import Host

__all__ = ["recall", "solver_memory"]

_MOST = 2.0**53  # largest count that a float64 holds


def solver_memory(backend: Backend, search: Minimization) -> dict[str, Host]:
    """The gradient (P,), the pairs s and y (m, P) with two numbers each, and four numbers."""
    point, pairs = search.point, list(search.pairs.pairs)
    P = point.gradient.shape[0]

    def rows(vectors: list[Any]) -> Host:
        hosts = [backend.to_numpy(x) for x in vectors]
        return (
            np.stack(hosts) if hosts else np.zeros((0, P), backend.to_numpy(point.gradient).dtype)
        )

    return {
        "gradient": backend.to_numpy(point.gradient),
        "numbers": np.asarray(
            [point.value, search.before, search.iterations, search.evaluations], np.float64
        ),
        "s": rows([pair.s for pair in pairs]),
        "y": rows([pair.y for pair in pairs]),
        "curvature": np.asarray([pair.curvature for pair in pairs], np.float64),
        "scale": np.asarray([pair.scale for pair in pairs], np.float64),
    }


def recall(backend: Backend, search: Minimization, saved: RunState) -> None:
    """Give the search what it remembered; CheckpointError if an array is missing or too short."""
    P, dtype = search.point.theta.shape[0], backend.to_numpy(search.point.theta).dtype
    found = saved.solver
    m = len(found.get("scale", ()))
    wanted = {"gradient": (P,), "numbers": (4,), "s": (m, P), "y": (m, P),
              "curvature": (m,), "scale": (m,)}  # fmt: skip
    shapes = {name: x.shape for name, x in found.items()}
    vectors = [saved.theta, *(found[name] for name in ("gradient", "s", "y") if name in found)]
    if shapes != wanted or saved.theta.shape != (P,) or any(x.dtype != dtype for x in vectors):
        raise CheckpointError(f"the checkpoint has other arrays of L-BFGS: {shapes}, not {wanted}")
    most = search.settings.history
    if m > most:
        raise CheckpointError(f"the checkpoint has {m} pairs of L-BFGS, and this fit keeps {most}")
    value, before, iterations, evaluations = _checked(found["numbers"].tolist(), saved)
    if not all(x > 0 for name in ("curvature", "scale") for x in found[name].tolist()):
        raise CheckpointError("the checkpoint has pairs of L-BFGS without a positive curvature")
    gradient = backend.from_numpy(found["gradient"])
    search.point = Point(0.0, value, 0.0, backend.from_numpy(saved.theta), gradient)
    search.before = before
    search.iterations, search.evaluations = int(iterations), int(evaluations)
    search.pairs.clear()
    for k in range(m):
        s, y = (backend.from_numpy(found[name][k].copy()) for name in ("s", "y"))
        numbers = float(found["curvature"][k]), float(found["scale"][k])
        search.pairs.pairs.append(Pair(s, y, *numbers))


def _checked(numbers: list[float], saved: RunState) -> list[float]:
    """Return the four numbers; CheckpointError if they are not those of the fit's iterations.

    The value before the first iteration is infinite. A fit that begins at a minimum has an epoch,
    but no iteration.
    """
    value, before, iterations, evaluations = numbers
    epochs = saved.epoch - saved.first_epoch
    begun = iterations == epochs or (iterations, epochs) == (0, 1)
    counted = iterations < evaluations < _MOST and evaluations % 1 == 0
    if not (math.isfinite(value) and before >= value and begun and counted):
        raise CheckpointError(f"the checkpoint has other numbers of L-BFGS: {numbers}")
    if saved.steps != epochs:
        raise CheckpointError(f"the checkpoint has {saved.steps} steps and {epochs} iterations")
    return numbers

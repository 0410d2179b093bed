"""The task of a worker, and its answer: predictions for the test rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Classes", "Job", "Predict", "Quantities"]


@dataclass(frozen=True)
class Job:
    """A contender and a split.

    ``module`` names a file of `fits`, ``settings`` its keywords. ``text`` names the columns of
    categories; all other columns are numbers. ``seed`` is the number of the split.
    """

    module: str
    settings: dict[str, Any]
    target: str
    task: str
    text: list[str] = field(default_factory=list)
    seed: int = 0

    @property
    def classes(self) -> bool:
        """Whether the target is a class."""
        return self.task == "classification"

    def to_json(self) -> str:
        """Return the job as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        """Return the job that `to_json` wrote."""
        return cls(**json.loads(line))


class Classes(NamedTuple):
    """Names of the classes (K,) and probabilities (N, K)."""

    classes: Any
    probabilities: Any

    def arrays(self) -> dict[str, Any]:
        """Return what `numpy.savez` writes: no objects, so nothing is pickled."""
        names = np.array([str(name) for name in self.classes])
        return {"classes": names, "probabilities": np.asarray(self.probabilities)}


class Quantities(NamedTuple):
    """Values (N,)."""

    values: Any

    def arrays(self) -> dict[str, Any]:
        """Return what `numpy.savez` writes."""
        return {"values": np.asarray(self.values, dtype=np.float64).reshape(-1)}


Predict = Callable[[Path], Classes | Quantities]
"""A trained model: the path of a CSV file without the target → predictions."""

"""xpnet: ``xpnet.tables.train`` on the file, which decides by itself what its columns are."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from benchmarks.tabular.job import Classes, Job, Predict, Quantities
from xpnet import tables

__all__ = ["fit"]

if find_spec("numba"):
    import numba  # noqa: F401 (imports are not timed)


def fit(train: Path, job: Job) -> Predict:
    """Train with the settings as keywords.

    Raises
    ------
    ImportError
        This xpnet has no ``tables.train``.
    """
    if not hasattr(tables, "train"):
        raise ImportError("this xpnet has no xpnet.tables.train")
    model = tables.train(train, job.target, task=job.task, seed=job.seed, **job.settings)

    def predict(path: Path) -> Classes | Quantities:
        if job.classes:
            return Classes(model.classes, model.predict_proba(path))
        return Quantities(model.predict(path))

    return predict

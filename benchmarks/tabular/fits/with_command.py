"""The command ``xpnet train``, with its defaults, and ``xpnet predict``.

The command runs in this process, so that its interpreter and imports are not timed. It trains on
all rows (``--validation 0``) and does not restart for other OpenBLAS kernels.
"""

from __future__ import annotations

import contextlib
import csv
import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.tabular.job import Classes, Job, Predict, Quantities
from xpnet.cli import main

__all__ = ["fit"]

if find_spec("numba"):
    import numba  # noqa: F401 (imports are not timed)

PROBABILITY = "probability_"


def fit(train: Path, job: Job) -> Predict:
    """Train, into a file beside the table."""
    model, out = train.with_suffix(".safetensors"), train.with_name("predicted.csv")
    options = ["--target", job.target, "--task", job.task, "--seed", str(job.seed)]
    _command("train", str(train), *options, "--validation", "0", "--no-tune", "--out", str(model))

    def predict(path: Path) -> Classes | Quantities:
        _command("predict", str(model), str(path), "--out", str(out))
        with out.open(encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
        if not job.classes:
            return Quantities([row[0] for row in rows])
        columns = [i for i, name in enumerate(names) if name.startswith(PROBABILITY)]
        classes = [names[i].removeprefix(PROBABILITY) for i in columns]
        return Classes(classes, np.array([[float(row[i]) for i in columns] for row in rows]))

    return predict


def _command(*arguments: str) -> None:
    """Run it.

    Raises
    ------
    RuntimeError
        It ended with an error; the message is the command's last line.
    """
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(arguments)
    if code:
        lines = said.getvalue().strip().splitlines() or [f"status {code}"]
        raise RuntimeError(f"xpnet {arguments[0]}: {lines[-1]}")

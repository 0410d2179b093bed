"""Measure whether memory stays flat over a million steps and a hundred thousand predictions.

    python -m benchmarks steady [--steps 1000000] [--predictions 100000] [--out FILE]

A small network is trained in a process of its own, by plain and by compiled steps, and predicts one
row at a time. The resident memory is read ten times, and its growth is the median of the nine
differences: the allocator moves a growing array once or twice. What grows is the history, of which
step_loss takes 8 bytes a step. Its other lists grow by an epoch; an epoch has a thousand steps.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import xpnet
from benchmarks.common import machine, write

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "steady.json"
STEPS, PREDICTIONS, PER_EPOCH, POINTS = 1_000_000, 100_000, 1000, 10
KINDS = ("plain", "compiled", "predictions")
ALLOWED = 8.5  # bytes a step, of which 8 are step_loss, and the others the lists of epochs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--predictions", type=int, default=PREDICTIONS)
    parser.add_argument("--kind", choices=KINDS, help="measure one kind in this process")
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Measure each kind in its own process; print and write it, and return 1 if one grows."""
    if options.kind:
        n = options.predictions if options.kind == "predictions" else options.steps
        print(json.dumps(measured(options.kind, n)))
        return 0
    result: dict[str, Any] = {"machine": machine()}
    counts = ["--steps", str(options.steps), "--predictions", str(options.predictions)]
    for kind in KINDS:
        command = [sys.executable, "-m", "benchmarks", "steady", "--kind", kind, *counts]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result[kind] = json.loads(done.stdout.splitlines()[-1])
        print(kind, result[kind], flush=True)
    if options.out or options.steps >= STEPS:
        write(options.out or OUT, result)
    return 1 if any(result[kind]["bytes each"] > ALLOWED for kind in KINDS) else 0


def measured(kind: str, n: int) -> dict[str, Any]:
    """Return the resident memory while n steps or predictions are done, and its growth by each."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(PER_EPOCH, 4)).astype(np.float32), np.arange(PER_EPOCH) % 2
    net = xpnet.Network([4, 8, 2], loss="cross_entropy", rng=1)
    points: list[tuple[int, int]] = []
    if kind == "predictions":
        for k in range(1, n + 1):
            net(X[:1])
            if k % (n // POINTS) == 0:
                points.append((k, _resident()))
    else:
        _fit(net, X, Y, kind == "compiled", n, points)
    growth = median((b - a) / (k - j) for (j, a), (k, b) in pairwise(points))
    return {
        "engine": kind,
        "each": n,
        "resident MB": [round(bytes_ / 1e6, 2) for _, bytes_ in points],
        "bytes each": round(growth, 2),
    }


def _fit(
    net: xpnet.Network, X: Any, Y: Any, compile: bool, n: int, points: list[tuple[int, int]]
) -> None:
    epochs = n // PER_EPOCH

    def note(_: Any, history: xpnet.History) -> None:
        if len(history) % max(1, epochs // POINTS) == 0:
            points.append((len(history.step_loss), _resident()))

    net.fit(
        X, Y, epochs=epochs, batch_size=1, learning_rate=1e-4, callbacks=[note], compile=compile
    )


def _resident() -> int:
    """Return this process's resident memory in bytes, without garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()

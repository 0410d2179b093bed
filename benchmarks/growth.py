"""Measure how a training step's time and memory grow with rows, width, depth and parameters.

    python -m benchmarks growth [--rounds 5] [--quick] [--out FILE]

One of the four grows in powers of two while the others are constant. Each point has its own
process. A small network trains there first, so that one-time costs are not counted. The time is
that of a step of `fit`. The memory is the peak beyond the data. Steps are compiled beforehand in a
separate process, because the compiler takes memory too. Time and memory are fitted by c xᵖ over
the upper half of the range: p is the least-squares slope of the logarithms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.common import machine, write
from benchmarks.figures import exponent
from benchmarks.memory import peak_memory
from benchmarks.peers.with_xpnet import Xpnet
from benchmarks.report import aligned, exponent_rows
from benchmarks.workloads import Workload, data

__all__ = ["add_arguments", "run"]

ROOT = Path(__file__).parent.parent
OUT = Path(__file__).parent / "results" / "growth.json"
ROUNDS, STEPS = 5, 8
BATCH = 128


def parameters(sizes: tuple[int, ...]) -> int:
    """Return P = Σ (n_{l-1} + 1) n_l."""
    return sum((m + 1) * n for m, n in pairwise(sizes))


class Sweep(NamedTuple):
    """The growing quantity, the network in words, and the sizes and the batch at each value."""

    network: str
    values: tuple[int, ...]
    point: Callable[[int], tuple[tuple[int, ...], int]]
    x: Callable[[int], int] = int


SWEEPS = {
    "rows": Sweep(
        "784-256-10, x rows a batch",
        tuple(2**k for k in range(4, 14)),
        lambda n: ((784, 256, 10), n),
    ),
    "width": Sweep(
        "256-x-x-10", tuple(2**k for k in range(5, 12)), lambda n: ((256, n, n, 10), BATCH)
    ),
    "depth": Sweep(
        "256-256-…-10, x hidden layers",
        tuple(2**k for k in range(7)),
        lambda n: ((256, *[256] * n, 10), BATCH),
    ),
    "parameters": Sweep(
        "1024-n-10, x parameters",
        tuple(2**k for k in range(4, 14)),
        lambda n: ((1024, n, 10), BATCH),
        lambda n: parameters((1024, n, 10)),
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="two rounds of the smallest points")
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Run all sweeps; print a table and write JSON."""
    result: dict[str, Any] = {"machine": machine(), "sweeps": {}}
    for name, sweep in SWEEPS.items():
        values = sweep.values[:3] if options.quick else sweep.values
        rounds = 2 if options.quick else options.rounds
        points = [{"x": sweep.x(n), **compiled(*sweep.point(n), rounds)} for n in values]
        x = [point["x"] for point in points]
        result["sweeps"][name] = {
            "network": sweep.network,
            "points": points,
            "time_exponent": round(exponent(x, [p["seconds"] for p in points]), 3),
            "memory_exponent": round(exponent(x, [p["bytes"] for p in points]), 3),
        }
        for point in points:
            print(f"{name} {point['x']:,}: {point['seconds'] * 1e6:,.1f} µs, {point['bytes']:,} B")
    print(aligned(*exponent_rows(result["sweeps"])))
    if options.out or not options.quick:
        write(options.out or OUT, result)
    return 0


def compiled(sizes: tuple[int, ...], batch: int, rounds: int) -> dict[str, Any]:
    """Measure a point in a second process: the first may have compiled, which takes memory."""
    apart(sizes, batch, rounds=1)
    return apart(sizes, batch, rounds)


def apart(sizes: tuple[int, ...], batch: int, rounds: int) -> dict[str, Any]:
    """Measure a point in a separate process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", json.dumps([sizes, batch, rounds])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def point(sizes: tuple[int, ...], batch: int, rounds: int) -> dict[str, Any]:
    """Return the seconds of a step, and the peak bytes beyond those held before the network."""
    _trained(Workload("small", (8, *[8] * (len(sizes) - 2), 10), 2, 2 * STEPS), 1)
    workload = Workload("point", sizes, batch, batch * STEPS)
    X, Y = data(workload)
    before = peak_memory()
    seconds = _trained(workload, rounds, X, Y)
    return {"seconds": float(f"{seconds:.4g}"), "bytes": max(1, peak_memory() - before)}


def _trained(workload: Workload, rounds: int, *arrays: Any) -> float:
    """Return the median over rounds of a step's seconds, after an epoch of warm-up."""
    peer = Xpnet(workload, *(arrays or data(workload)))
    peer.start(0)
    peer.train(1)
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        peer.train(1)
        taken.append((time.perf_counter() - began) / workload.steps)
    return median(taken)


if __name__ == "__main__":
    sizes, batch, rounds = json.loads(sys.argv[1])
    print(json.dumps(point(tuple(sizes), batch, rounds)))

"""Time a prediction of one example and of 10,000, at 784-128-10.

    python -m benchmarks latency [--rounds 7] [--quick] [--peers NAME …] [--out FILE]

A prediction goes from an array on the host to probabilities on the host. Each contender has its own
process; they take turns.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.common import machine, write
from benchmarks.peers import PREDICTORS
from benchmarks.report import aligned, latency_rows, missing
from benchmarks.turns import take_turns
from benchmarks.worker import Job
from benchmarks.workloads import PREDICTION

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "latency.json"
EXAMPLES = (1, 10_000)
ROUNDS, SECONDS, PAUSE = 7, 0.3, 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument(
        "--peers", nargs="+", choices=list(PREDICTORS), metavar="NAME", help=", ".join(PREDICTORS)
    )
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Time both numbers of examples; print a table and write JSON."""
    rounds, seconds, pause = options.rounds, SECONDS, PAUSE
    if options.quick:
        rounds, seconds, pause = 2, 0.02, 0.02
    names = [name for name in PREDICTORS if options.peers is None or name in options.peers]
    examples = {}
    for n in EXAMPLES:
        jobs = {name: Job(name, PREDICTION, seconds, n) for name in names}
        examples[str(n)] = take_turns(jobs, {}, rounds=rounds, pause=pause)
    result: dict[str, Any] = {"machine": machine(), "network": PREDICTION.name}
    result["examples"] = examples
    print(aligned(*latency_rows(examples)))
    print(*missing(examples["1"]), sep="\n")
    if options.out or not (options.quick or options.peers):
        write(options.out or OUT, result)
    return 0

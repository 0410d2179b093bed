"""Time training on this CPU: xpnet and its peers, each in its own process, in turn.

    python -m benchmarks cpu [--rounds 7] [--quick] [--only SETTING] [--shapes NAME …]
                             [--peers NAME …] [--tuned-env NAME=VALUE …] [--out FILE]
    python -m benchmarks cpu --against FOLDER [--rounds 15] [--most 60] [--engines NAME …]

The second form compares this checkout with another one (`benchmarks/against.py`).

There are two settings, one after the other: every library with its defaults ("default"), and the
environment that makes OpenBLAS use the CPU's best kernels ("tuned"). If OpenBLAS does so by itself,
there is only the first. Each figure is the time per step of a whole training loop over data in
memory, with a new order every epoch and gathered batches; for Fashion-MNIST it is the time of ten
epochs. Warm-up and compilation are excluded and reported separately. Each library chooses its own
number of threads. If only some contenders, shapes or settings run, the result is written only to
--out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import against
from benchmarks.blas import assignment
from benchmarks.common import machine, write
from benchmarks.peers import CONTENDERS
from benchmarks.report import aligned, contender_rows, missing, target_rows
from benchmarks.targets import verdicts
from benchmarks.turns import Process, take_turns
from benchmarks.worker import Job
from benchmarks.workloads import WORKLOADS, Workload
from xpnet.doctor import mend

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "cpu.json"
SETTINGS = ("default", "tuned")
ROUNDS, RUN_ROUNDS, SECONDS, PAUSE = 7, 3, 0.4, 0.25
QUICK_ROUNDS, QUICK_SECONDS, QUICK_PAUSE = 2, 0.02, 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}; for whole runs {RUN_ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="two short rounds, smallest shape")
    parser.add_argument("--only", choices=SETTINGS, help="one setting of the BLAS")
    parser.add_argument("--shapes", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--peers", nargs="+", choices=list(CONTENDERS), metavar="NAME", help=", ".join(CONTENDERS)
    )
    parser.add_argument(
        "--tuned-env",
        nargs="*",
        type=assignment,
        metavar="NAME=VALUE",
        help="environment of the tuned setting; without a value, skip this setting",
    )
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER", help="compare xpnet with this checkout's"
    )
    parser.add_argument("--most", type=int, help=f"rounds at most, for --against; {against.MOST}")
    parser.add_argument("--engines", nargs="+", choices=list(against.ENGINES), metavar="NAME")


def run(options: argparse.Namespace) -> int:
    """Measure, print and write."""
    if options.against:
        return against.run(options)
    began = time.perf_counter()
    tuned = mend() if options.tuned_env is None else dict(options.tuned_env)
    if options.only == "tuned" and not tuned:
        print("--only tuned: OpenBLAS has the best kernels here by itself; see --tuned-env")
        return 2
    shapes = options.shapes or [w.name for w in (WORKLOADS[:1] if options.quick else WORKLOADS)]
    result: dict[str, Any] = {"machine": machine(), "tuned_environment": tuned, "settings": {}}
    for setting in SETTINGS:
        if options.only not in (None, setting) or (setting == "tuned" and not tuned):
            continue
        result["settings"][setting] = {
            workload.title: measure(options, setting, workload, tuned)
            for workload in WORKLOADS
            if workload.name in shapes
        }
    result["targets"] = verdicts(result["settings"], default_is_tuned=not tuned)
    result["minutes"] = round((time.perf_counter() - began) / 60, 1)
    print(aligned(*target_rows(result["targets"])))
    print(f"{result['minutes']} minutes")
    part = options.quick or options.only or options.shapes or options.peers
    if options.out or not part:
        write(options.out or OUT, result)
    return 0


def measure(
    options: argparse.Namespace, setting: str, workload: Workload, tuned: dict[str, str]
) -> dict[str, Any]:
    """Measure one workload in one setting, and print it at once."""
    rounds = options.rounds or (RUN_ROUNDS if workload.epochs else ROUNDS)
    seconds, pause = SECONDS, PAUSE
    if options.quick:
        rounds, seconds, pause = options.rounds or QUICK_ROUNDS, QUICK_SECONDS, QUICK_PAUSE
    jobs = {name: Job(name, workload, seconds) for name in chosen(options.peers, workload)}
    variables = tuned if setting == "tuned" else {}
    compiling = compile_first(jobs, variables)
    contenders = take_turns(jobs, variables, rounds=rounds, pause=pause)
    if "median" in contenders.get("xpnet", {}):
        contenders["xpnet"]["first_prepare_seconds"] = compiling
    words = " ".join(f"{name}={value}" for name, value in variables.items())
    print(f"{workload.title}, {setting} BLAS kernels {words}".rstrip())
    print(aligned(*contender_rows(contenders, workload.unit)))
    print(*missing(contenders), sep="\n", end="\n\n", flush=True)
    return {"unit": workload.unit, "steps": workload.steps, "contenders": contenders}


def compile_first(jobs: Mapping[str, Job], variables: Mapping[str, str]) -> float | None:
    """Fill xpnet's cache in a separate process; return the seconds, almost 0 if it was full.

    Compiling in the measured process would add the compiler's memory to the peak.
    """
    if "xpnet" not in jobs:
        return None
    with Process(jobs["xpnet"], variables) as worker:
        return worker.answer().get("prepare_seconds")


def chosen(names: Sequence[str] | None, workload: Workload) -> list[str]:
    """Return the contenders in the table's order; runs exclude the products, which don't train."""
    wanted = [name for name in CONTENDERS if names is None or name in names]
    return [n for n in wanted if not (workload.epochs and n.startswith("products"))]

"""Compare two checkouts of xpnet: time them in turn, and print the ratio of their medians.

    python -m benchmarks cpu --against FOLDER [--rounds 15] [--most 60] [--shapes NAME …]
                             [--engines compiled plain] [--out FILE]

FOLDER holds the other checkout's ``xpnet/``. This checkout's harness measures both, each in
its own process. A ratio above 1 means that this checkout is slower. Its 90 % interval comes from a
bootstrap over rounds. A round has one figure of each, so a slow moment affects both. A ratio is
accepted if it is at most 1.02 and its interval ends at 1.06 or below. Until then more rounds
follow, up to ``--most``.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.common import machine, write
from benchmarks.figures import summary
from benchmarks.report import cell, times
from benchmarks.turns import ROOT, Process, turned, turns
from benchmarks.worker import Job
from benchmarks.workloads import WORKLOADS, Workload

__all__ = ["ENGINES", "judged", "run"]

OUT = Path(__file__).parent / "results" / "against.json"
ROUNDS, MOST, SECONDS, PAUSE = 15, 60, 0.3, 0.1
LARGEST, LARGEST_END = 1.02, 1.06
"""The accepted ratio, and the accepted upper end of its interval."""

RESAMPLES = 2000
ENGINES = {"compiled": "xpnet", "plain": "xpnet, plain"}
"""The contender of each engine."""

Pairs = Sequence[tuple[float, float]]


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; return 1 if a ratio is not accepted."""
    rounds = options.rounds or (2 if options.quick else ROUNDS)
    most = max(rounds, options.most or (rounds if options.quick else MOST))
    found: dict[str, Any] = {"machine": machine(), "rows": []}
    with sources(this=ROOT, other=options.against) as environments:
        for engine in options.engines or ENGINES:
            for workload in _chosen(options):
                job = Job(ENGINES[engine], workload, 0.02 if options.quick else SECONDS)
                row = compared(job, environments, rounds, most)
                found["rows"].append({"engine": engine, "workload": workload.title, **row})
                print(_line(engine, workload, row), flush=True)
    if options.out or not (options.quick or options.shapes or options.engines):
        write(options.out or OUT, found)
    return 0 if all(row["accepted"] for row in found["rows"]) else 1


def _chosen(options: argparse.Namespace) -> list[Workload]:
    names = options.shapes or [w.name for w in (WORKLOADS[:1] if options.quick else WORKLOADS)]
    return [workload for workload in WORKLOADS if workload.name in names]


@contextmanager
def sources(**checkouts: Path) -> Iterator[dict[str, dict[str, str]]]:
    """Yield environments that import xpnet from each checkout and benchmarks from this one.

    Raises
    ------
    SystemExit
        The folder has no xpnet.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for name, checkout in checkouts.items():
            package = checkout.resolve() / "xpnet"
            if not (package / "__init__.py").is_file():
                raise SystemExit(f"--against: {checkout} has no xpnet/__init__.py")
            link = Path(folder, name, "xpnet")
            link.parent.mkdir()
            link.symlink_to(package, target_is_directory=True)
            path = os.pathsep.join([str(link.parent), str(ROOT)])
            found[name] = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}  # without the working folder
        yield found


def compared(
    job: Job, environments: Mapping[str, Mapping[str, str]], rounds: int, most: int
) -> dict[str, Any]:
    """Return the figures of both and the verdict, after as many rounds as needed."""
    for environment in environments.values():  # compiles outside the measured processes
        with Process(job, environment) as worker:
            worker.answer()
    with (
        Process(job, environments["this"]) as this,
        Process(job, environments["other"]) as other,
    ):
        running = {"this": this, "other": other}
        for name, worker in running.items():
            _figure(name, worker.answer(), "prepare_seconds")
        pairs: list[tuple[float, float]] = []
        while len(pairs) < rounds or (len(pairs) < most and not judged(pairs)["accepted"]):
            pairs.append(_round(running, len(pairs)))
    columns = zip(*pairs, strict=True)
    seconds = {name: summary(s) for name, s in zip(running, columns, strict=True)}
    return {**judged(pairs), "rounds": len(pairs), **seconds}


def _round(running: Mapping[str, Process], r: int) -> tuple[float, float]:
    answers = turns(running, turned(list(running), r), PAUSE)
    this, other = (_figure(name, answers[name], "seconds") for name in running)
    return this, other


def _figure(name: str, answer: Mapping[str, Any], key: str) -> float:
    """Return the answer's number; end the run if a checkout cannot be measured."""
    if key not in answer:
        raise SystemExit(f"{name} checkout: {answer.get('failed') or answer.get('absent')}")
    return float(answer[key])


def judged(pairs: Pairs) -> dict[str, Any]:
    """Return the ratio of medians, its 90 % interval, and whether both are accepted."""
    draw = random.Random(0)
    ratios = [_ratio(draw.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES)]
    cuts = quantiles(ratios, n=20, method="inclusive")
    interval, ratio = [round(cuts[0], 4), round(cuts[-1], 4)], round(_ratio(pairs), 4)
    accepted = ratio <= LARGEST and interval[1] <= LARGEST_END
    return {"ratio": ratio, "interval": interval, "accepted": accepted}


def _ratio(pairs: Pairs) -> float:
    this, other = zip(*pairs, strict=True)
    return float(median(this) / median(other))


def _line(engine: str, workload: Workload, row: Mapping[str, Any]) -> str:
    """Return "784-128-10, 64, compiled: 212 µs, the other 210; ratio 1.01 (90 %: …), …"."""
    unit = "s" if workload.unit == "run" else "µs"
    this, other = (cell(row[name]["median"], workload.unit) for name in ("this", "other"))
    interval = " to ".join(map(times, row["interval"]))
    verdict = "accepted" if row["accepted"] else "too slow, or too noisy to tell"
    return (
        f"{workload.title}, {engine}: {this} {unit}, the other {other}; "
        f"ratio {times(row['ratio'])} (90 %: {interval}), {row['rounds']} rounds, {verdict}"
    )

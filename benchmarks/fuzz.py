"""Run random training steps as compiled programs, and compare them with the plain step.

    python -m benchmarks fuzz [--plain 1000] [--gpp 200] [--numba 30] [--seed 0] [--resume]

Per draw, --plain takes less than 0.1 s: it runs a program's source as plain Python, on arrays that
check every access. --gpp takes 2 s: it compiles the CUDA kernels with g++. --numba takes 10 s: it
compiles the loops.

A draw has random layers, activations, losses, optimizers, penalties and weights. Some are a user's
own. Widths are around 1 and around the length of a SIMD vector; batches are ragged
(`benchmarks.fuzzing`). θ, the optimizer's state, the statistics and the losses after the program's
steps are compared with those after the plain steps. A draw that fails prints the command that
repeats it.

Counts and seeds are written every minute, at the end, and on Ctrl-C. --resume repeats the failed
draws and continues after the last seed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import machine, write
from benchmarks.fuzzing.engines import ENGINES
from benchmarks.fuzzing.run import Outcome, outcome, reproduce
from xpnet.losses import LOSSES
from xpnet.optimizers import OPTIMIZERS

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "fuzz.json"
PLAIN = 1000
FAMILIES = frozenset(
    [
        *(f"layer {kind}" for kind in ("batch norm", "dense", "dropout", "embedding")),
        *(f"layer {kind}" for kind in ("layer norm", "residual")),
        *(f"loss {name}" for name in (*LOSSES, "own")),
        *(f"loss {name}" for name in ("multi_cross_entropy", "masked_multi_cross_entropy")),
        *(f"optimizer {kind.__name__}" for kind in OPTIMIZERS.values()),
        *(f"optimizer {name}" for name in ("Accumulated", "Averaged", "Clipped", "Own")),
    ]
)
"""Every engine's draws should contain each of these."""

PIECE, SECONDS = 50, 60.0  # draws per task of a worker; seconds between lines of progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    for engine, run in ENGINES.items():
        does = (run.__doc__ or "").partition("\n")[0]
        says = f"for N draws, {does[:1].lower()}{does[1:]}"
        parser.add_argument(f"--{engine}", type=int, metavar="N", help=says)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first draw (0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--resume", action="store_true", help="go on with the counts of --out")
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Run every requested engine; return 1 if a draw failed."""
    wanted = {engine: n for engine in ENGINES if (n := getattr(options, engine))} or {
        "plain": PLAIN
    }
    out = options.out or (OUT if sum(wanted.values()) >= PLAIN or options.resume else None)
    kept = json.loads(out.read_text(encoding="utf-8")) if out and out.exists() else {}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _all(wanted, options, out, kept)
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _all(
    wanted: dict[str, int], options: argparse.Namespace, out: Path | None, kept: dict[str, Any]
) -> int:
    failed = 0
    for engine, n in wanted.items():
        tally = Tally(engine, options.seed, kept.get(engine) if options.resume else None)
        keep = partial(_keep, out, kept, tally)
        try:
            _count(tally, n, options.workers, keep)
        finally:
            print(tally.line(), flush=True)
            keep()
        failed += len(tally.failed)
    return 1 if failed else 0


def _keep(out: Path | None, kept: dict[str, Any], tally: Tally) -> None:
    kept |= {"machine": machine(), tally.engine: tally.plain_data()}
    if out is not None:
        write(out, kept)


class Tally:
    """The outcomes of the seeds first … next − 1."""

    def __init__(self, engine: str, first: int, before: dict[str, Any] | None = None) -> None:
        before = before or {"first": first, "next": first}
        self.engine = engine
        self.first, self.next = int(before["first"]), int(before["next"])
        self.statuses = Counter[str](before.get("statuses", {}))
        self.refused = Counter[str](before.get("refused", {}))
        self.families = Counter[str](before.get("families", {}))
        self.failed: list[dict[str, Any]] = list(before.get("failed", []))
        self.seconds = float(before.get("seconds", 0.0))

    def add(self, one: Outcome) -> None:
        """Add a draw, new or repeated; print a line if it failed."""
        before = [draw for draw in self.failed if draw["seed"] == one.seed]
        if before:
            self.failed.remove(before[0])
            self.statuses = +(self.statuses - Counter(failed=1))
        else:
            self.next = one.seed + 1
            self.families.update(one.families)
            self.seconds += one.seconds
        self.statuses[one.status] += 1
        if one.status == "refused":
            self.refused[one.what] += 1
        if one.status == "failed":
            line = reproduce(self.engine, one.seed)
            self.failed.append({"seed": one.seed, "what": one.what.splitlines()[0], "again": line})
            print(f"seed {one.seed}: {one.what}\n{line}", flush=True)

    def line(self) -> str:
        """Return the counts as a line."""
        counts = ", ".join(f"{n:,} {status}" for status, n in sorted(self.statuses.items()))
        return f"{self.engine}: seeds {self.first} … {self.next - 1}: {counts}"

    def plain_data(self) -> dict[str, Any]:
        """Return the counts as JSON for the file."""
        return {
            "first": self.first,
            "next": self.next,
            "statuses": dict(sorted(self.statuses.items())),
            "seconds": round(self.seconds, 1),
            "failed": self.failed,
            "refused": dict(self.refused.most_common()),
            "families": dict(self.families.most_common()),
            "never drawn": sorted(FAMILIES - self.families.keys()),
        }


def _count(tally: Tally, n: int, workers: int, keep: Callable[[], None]) -> None:
    """Run the draws that failed before, then draws up to the n-th, in order of their seeds."""
    began = time.monotonic()
    seeds = [draw["seed"] for draw in tally.failed] + [*range(tally.next, tally.first + n)]
    for one in _outcomes(tally.engine, seeds, workers):
        tally.add(one)
        if time.monotonic() - began > SECONDS:
            began = time.monotonic()
            print(tally.line(), flush=True)
            keep()


def _outcomes(engine: str, seeds: Sequence[int], workers: int) -> Iterator[Outcome]:
    of_seed = partial(outcome, engine)
    if workers <= 1 or len(seeds) <= PIECE:
        yield from map(of_seed, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=_begin) as pool:
        yield from pool.imap(of_seed, seeds, chunksize=PIECE)


def _begin() -> None:
    """Let a worker ignore Ctrl-C: the main process handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

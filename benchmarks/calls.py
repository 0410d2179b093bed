"""Make bad calls of the public API: they raise documented errors and change no network.

Every call of `benchmarks.call_list` gets one or two arguments from the zoo of
`benchmarks.call_values`, in processes with limited memory. A bad value may be accepted without an
error. A call is wrong if it ends the process, raises a different kind of error, changes the
network, or repeats more than 200 characters of a value. The exit status is 1 if any call is wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.call_list import calls
from benchmarks.call_values import values
from benchmarks.common import machine, write

__all__ = ["add_arguments", "run", "run_calls"]

_EACH = 2500  # calls per process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("-n", type=int, default=50_000, help="calls")
    parser.add_argument("--seed", type=int, default=0, help="that of the first call")
    parser.add_argument("--torch-every", type=int, default=5, help="processes on backend torch")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/calls.json"))


def run(options: argparse.Namespace) -> int:
    """Make the calls and write their outcomes."""
    found = run_calls(options.seed, options.n, options.torch_every)
    for failure in found["wrong"]:
        print(json.dumps(failure, ensure_ascii=False))
    print(f"{options.n} calls: {found['outcomes']}; {len(found['wrong'])} wrong")
    write(options.out, {"machine": machine(), **found})
    return 1 if found["wrong"] else 0


def run_calls(seed: int, n: int, torch_every: int = 5) -> dict[str, Any]:
    """Return the outcomes of n calls by kind, and the wrong ones."""
    outcomes: Counter[str] = Counter()
    wrong: list[dict[str, Any]] = []
    for k, first in enumerate(range(seed, seed + n, _EACH)):
        of_torch = torch_every and (k + 1) % torch_every == 0
        some = min(_EACH, seed + n - first)
        counted, failures = _process(first, some, "torch" if of_torch else "numpy")
        outcomes.update(counted)
        wrong += failures
    return {
        "first_seed": seed,
        "calls": n,
        "functions": len({call.name for call in calls()}),
        "values": len(values()),
        "outcomes": dict(sorted(outcomes.items())),
        "wrong": wrong,
    }


def _process(first: int, n: int, backend: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return the outcomes of one process; a process that does not finish is wrong."""
    command = [sys.executable, "-m", "benchmarks.call_worker", str(first), str(n), backend]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    ends = [line for line in lines if "outcomes" in line]
    failures = [line | {"backend": backend} for line in lines if "wrong" in line]
    if not ends:
        why = f"the process ended with {done.returncode}: {done.stderr[-500:]}"
        return {}, [*failures, {"seed": first, "call": "?", "wrong": why, "backend": backend}]
    return ends[0]["outcomes"], failures

"""Time training on a GPU: xpnet on CuPy and its peers, each in its own process, in turn.

    python -m benchmarks gpu [--minutes M] [--rounds 5] [--precisions NAME …] [--shapes TITLE …]
                             [--peers NAME …] [--add] [--dry] [--out FILE]

The data of all contenders are on the device. Times are between CUDA events (for JAX by the host's
clock, until the device is done). All begin with the same parameters. After the first steps on the
same batches, each one's outputs are compared with NumPy's in float64. TF32 and bfloat16 are
measured if products take most of the time. Workloads without time or data are listed. --add keeps
the results of an earlier run on the same card, and measures the rest. --dry runs everything on the
CPU, on tiny networks, to try the script: its figures mean nothing, and it writes only to --out.
--counts counts launches, copies and waits on the fake CUDA instead (`benchmarks.counts`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np

from benchmarks import counts
from benchmarks.common import machine, write
from benchmarks.peers import GPU_CONTENDERS
from benchmarks.peers.on_gpu import reference
from benchmarks.report import aligned, contender_rows, missing, target_rows
from benchmarks.targets import gpu_verdicts
from benchmarks.turns import take_turns
from benchmarks.worker import Job, some
from benchmarks.workloads import DRY_WORKLOADS, GPU_WORKLOADS, Workload, data

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "gpu.json"
PRECISIONS = ("float32", "tf32", "bfloat16")
PEERS = tuple(name for name in GPU_CONTENDERS if name not in ("xpnet", "products"))
ROUNDS, RUN_ROUNDS, SECONDS, PAUSE = 5, 3, 0.15, 0.01
DRY_ROUNDS, DRY_SECONDS = 2, 0.001
TOLERANCES = {"float32": 1e-3, "tf32": 3e-2, "bfloat16": 1e-1}
"""The accepted difference of outputs from float64's, as a share of the largest."""

ENVIRONMENT = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # leaves memory for the other contenders
    "XLA_FLAGS": "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,WHILE",
}
_WEIGH, _LARGE = 300_000, 10_000_000  # parameters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    minutes = "start no workload after this many minutes (60)"
    parser.add_argument("--minutes", type=float, default=60, help=minutes)
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}; for whole runs {RUN_ROUNDS}")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, metavar="NAME")
    parser.add_argument("--shapes", nargs="+", metavar="TITLE", help="such as '784-128-10, 64'")
    parser.add_argument("--peers", nargs="+", choices=list(GPU_CONTENDERS), metavar="NAME")
    parser.add_argument("--add", action="store_true", help="keep the results in the file")
    parser.add_argument("--dry", action="store_true", help="tiny networks on the CPU")
    parser.add_argument("--counts", action="store_true", help="launches and copies, without a GPU")
    parser.add_argument("--out", type=Path, help="where the JSON goes")


def run(options: argparse.Namespace) -> int:
    """Measure; print and write after every workload."""
    if options.counts:
        return counts.run(options)
    began = time.perf_counter()
    out = options.out or (None if options.dry else OUT)
    result = {"machine": machine(), "card": card(options.dry), "dry": options.dry}
    result |= {"settings": earlier(options, out, result["card"]), "left_out": []}
    references: dict[str, np.ndarray[Any, Any]] = {}
    for workload in chosen(options):
        if workload.title in result["settings"].get(workload.precision, {}):
            continue
        minutes = (time.perf_counter() - began) / 60
        why = "no time was left" if minutes > options.minutes else without_data(workload)
        if why:
            result["left_out"].append(f"{workload.title}, {workload.precision}: {why}")
            continue
        found = measure(options, workload, references)
        result["settings"].setdefault(workload.precision, {})[workload.title] = found
        result["targets"] = gpu_verdicts(result["settings"])
        result["minutes"] = round((time.perf_counter() - began) / 60, 1)
        if out:
            write(out, result)
    print(aligned(*target_rows(result.get("targets", []))))
    print(*result["left_out"], sep="\n")
    if out:
        write(out, result)
    return 0 if _ran(result) else 1


def earlier(options: argparse.Namespace, out: Path | None, on: str) -> dict[str, Any]:
    """Return the results of an earlier run, if they are to be kept."""
    if not options.add or out is None or not out.exists():
        return {}
    found = json.loads(out.read_text(encoding="utf-8"))
    if found["card"] != on:
        raise SystemExit(f"{out.name} is of {found['card']}, this is {on}: give another --out")
    settings: dict[str, Any] = found["settings"]
    return settings


def without_data(workload: Workload) -> str | None:
    """Return why its data are missing."""
    try:
        if workload.epochs:
            data(workload)
    except FileNotFoundError as error:
        return str(error)
    return None


def card(dry: bool) -> str:
    """Describe the GPU: name, driver, memory, largest clock, power limit."""
    if dry or which("nvidia-smi") is None:
        return "no GPU"
    query = "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit"
    command = ["nvidia-smi", query, "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def chosen(options: argparse.Namespace) -> Iterator[Workload]:
    """Yield every workload with each of its precisions."""
    for workload in DRY_WORKLOADS if options.dry else GPU_WORKLOADS:
        for precision in options.precisions or PRECISIONS:
            weighs = workload.parameters > _WEIGH and not workload.epochs
            if options.shapes and workload.title not in options.shapes:
                continue
            if precision == "float32" or weighs or options.dry:
                device = "cpu" if options.dry else "cuda"
                yield workload._replace(precision=precision, device=device)


def measure(
    options: argparse.Namespace, workload: Workload, references: dict[str, np.ndarray[Any, Any]]
) -> dict[str, Any]:
    """Measure one workload, and print it at once."""
    rounds = options.rounds or (RUN_ROUNDS if workload.epochs else ROUNDS)
    seconds = SECONDS
    if options.dry:
        rounds, seconds = DRY_ROUNDS, DRY_SECONDS
    n_steps = 1 if workload.parameters > _LARGE else 2
    jobs = {
        name: Job(name, workload, seconds, first_steps=n_steps)
        for name in options.peers or GPU_CONTENDERS
        if not (workload.epochs and name == "products")
    }
    contenders = take_turns(jobs, ENVIRONMENT, rounds=rounds, pause=PAUSE, together=True)
    if any("outputs" in row for row in contenders.values()):
        if workload.title not in references:
            references[workload.title] = reference(workload, *data(workload), n_steps)
        compare(contenders, references[workload.title], TOLERANCES[workload.precision])
    print(f"{workload.title}, {workload.precision}")
    print(aligned(*contender_rows(contenders, workload.unit, PEERS)))
    print(*missing(contenders), sep="\n", end="\n\n", flush=True)
    return {"unit": workload.unit, "steps": workload.steps, "contenders": contenders}


def compare(contenders: dict[str, Any], expected: np.ndarray[Any, Any], tolerance: float) -> None:
    """Replace outputs by their ``error``; a contender with wrong outputs has failed."""
    right = np.asarray(some(expected))
    for name, row in contenders.items():
        if "outputs" not in row:
            continue
        found = np.asarray(row.pop("outputs"))
        row["error"] = float(f"{np.abs(found - right).max() / right.max():.2g}")
        if not row["error"] <= tolerance:
            why = f"its outputs differ from NumPy's in float64 by {row['error']} of the largest"
            contenders[name] = {"failed": why}


def _ran(result: dict[str, Any]) -> bool:
    """Whether xpnet has a figure for every workload that was started, and no contender failed."""
    rows = [w["contenders"] for found in result["settings"].values() for w in found.values()]
    failed = any("failed" in row for contenders in rows for row in contenders.values())
    return bool(rows) and not failed

"""Kill fits, damage checkpoints, and time them: what a user relies on when a run must not be lost.

    python -m benchmarks faults [--kills 500] [--cases 100000] [--only PART] [--out FILE]

A fit in a child process writes a checkpoint after every step. It is killed by SIGKILL at random
moments, every second time inside a save, and started again until it ends. Its last checkpoint must
have the bits of a fit that nobody disturbed, and no kill may lose a step that was saved.

Then checkpoints are damaged as in `python -m benchmarks files`. Each one must be refused by a
CheckpointError, or be the same. Edits with a new checksum may also describe a different state; a
fit from it must then end, or raise a CheckpointError or a DivergenceError. To read it takes twice
the file's size and 64 MB at most. An audit hook sees that nothing is imported, unpickled or
started.

Then disks fail while files are written (`benchmarks.disk`).

The last figure is the time of one checkpoint at 784-512-512-10, as a share of ten seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import signal
import statistics
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import xpnet
from benchmarks import disk
from benchmarks.common import machine, write
from benchmarks.mutations import MUTATIONS, SEALED
from benchmarks.watch import audited, memory_for
from xpnet.files.checkpoint_tensors import arrays_of
from xpnet.files.keeper import FileKeeper
from xpnet.layers import BatchNorm, Dropout

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "faults.json"
KILLS, CASES, SEED = 500, 100_000, 18
EPOCHS, INTERVAL = 12, 10.0
RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(120, 6)).astype(np.float32), RNG.integers(0, 3, 120)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=sorted(PARTS), help="run one part")
    parser.add_argument("--out", type=Path)


def fit(path: Path, epochs: int = EPOCHS, **settings: Any) -> xpnet.Network:
    """Train a small network with masks, statistics and early stopping."""
    net = xpnet.Network([6, 12, BatchNorm(), Dropout(0.2), 3], loss="cross_entropy", rng=3)
    given = {"batch_size": 16, "early_stopping": 50, "checkpoint_every": 1, **settings}
    net.fit(X, LABELS, epochs=epochs, checkpoint=path, compile=False, **given)
    return net


def bits(path: Path) -> bytes:
    """Everything in a checkpoint but the times."""
    found = xpnet.Checkpoint.read(path)
    arrays = {name: x.tobytes() for name, x in sorted(arrays_of(found.state).items())}
    del arrays["history.seconds"]
    state = found.state
    about = (found.network_settings, found.settings, found.data, found.environment)
    place = state.epoch, state.first_epoch, state.step, state.steps, state.finished
    return pickle.dumps((arrays, about, place, state.history.stopped))


# --- kills


def killed(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill so many children; return what was counted, and what went wrong."""
    rng, counts, wrong = np.random.default_rng(seed), Counter[str](), list[str]()
    fit(folder / "undisturbed")
    wanted, path = bits(folder / "undisturbed"), folder / "run"
    while counts["kills"] < kills:
        before = _steps(path)
        inside = counts["kills"] % 2 == 1
        if _kill(path, inside, rng):
            counts["kills"] += 1
            counts["inside a save"] += inside
        if _steps(path) < before:
            wrong.append(f"kill {counts['kills']} lost {before - _steps(path)} steps")
        if path.exists() and xpnet.Checkpoint.read(path).finished:
            counts["runs"] += 1
            if bits(path) != wanted:
                wrong.append(f"run {counts['runs']} has other bits")
            path.unlink()
    fit(path)
    left = sorted(set(os.listdir(folder)) - {"undisturbed", "run"})
    if bits(path) != wanted or left:
        wrong.append(f"the last run has other bits, or left {left}")
    return {**counts, "wrong": wrong}


def _steps(path: Path) -> int:
    return xpnet.Checkpoint.read(path).state.steps if path.exists() else 0


def _kill(path: Path, inside: bool, rng: np.random.Generator) -> bool:
    """Start a child and kill it; return whether it was killed before its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_child(path, writing)
    os.close(writing)
    os.read(reading, 1)  # its first save begins, or it has ended
    if inside:
        for _ in range(rng.integers(0, 20)):
            os.read(reading, 1)
        time.sleep(rng.uniform(0, 0.0015))
    else:
        time.sleep(rng.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reading)
    return os.WIFSIGNALED(status)


def _run_child(path: Path, writing: int) -> None:
    """Fit in a child; it writes a byte into the pipe when a save begins."""
    save = FileKeeper.write

    def told(keeper: FileKeeper, state: Any) -> None:
        os.write(writing, b".")
        save(keeper, state)

    try:
        with patch.object(FileKeeper, "write", told):
            fit(path)
    finally:
        os._exit(0)


# --- damage


def checkpoints(folder: Path) -> list[bytes]:
    """Checkpoints of different kinds of fits, within an epoch and at its end."""
    found: list[bytes] = []
    save = FileKeeper.write

    def kept(keeper: FileKeeper, state: Any) -> None:
        save(keeper, state)
        found.append(Path(keeper._path).read_bytes())

    with patch.object(FileKeeper, "write", kept):
        fit(folder / "a", 2)
        net = xpnet.Network([6, 5, 3], loss="cross_entropy", rng=1)
        net.fit(X, LABELS, epochs=4, optimizer="lbfgs", checkpoint=folder / "b")
    return found[2:14:4] + found[-2:]


def damaged(folder: Path, cases: int, seed: int) -> dict[str, Any]:
    """Read so many damaged checkpoints; return the outcomes, and what went wrong."""
    files = checkpoints(folder)
    originals = []
    for content in files:
        (folder / "f").write_bytes(content)
        originals.append(bits(folder / "f"))
    _tried(folder, files, originals, 0, seed)  # imports what is needed
    counts, wrong = {name: Counter[str]() for name in MUTATIONS}, list[str]()
    with audited() as seen:
        for case in range(cases):
            mutation, outcome = _tried(folder, files, originals, case, seed)
            counts[mutation][outcome.partition(":")[0]] += 1
            if outcome.startswith("failed"):
                wrong.append(f"case {case}, {mutation}: {outcome}")
    wrong += [f"an audit hook saw {event}" for event in sorted(seen)]
    return {"cases": cases, "outcomes": counts, "wrong": wrong}


def _tried(
    folder: Path, files: list[bytes], originals: list[bytes], case: int, seed: int
) -> tuple[str, str]:
    """Damage one of the files, which depends only on (seed, case); return what came of it."""
    rng = np.random.default_rng([seed, case])
    mutation = list(MUTATIONS)[case % len(MUTATIONS)]
    k = int(rng.integers(len(files)))
    path = folder / "f"
    path.write_bytes(MUTATIONS[mutation](files[k], files, rng))
    try:
        with memory_for(path):
            found = bits(path)
        if found == originals[k]:
            return mutation, "same"
    except xpnet.CheckpointError as error:
        fine = len(str(error)) < 600 and str(error).isprintable()
        return mutation, "refused" if fine else f"failed: {error}"
    except Exception as error:
        return mutation, f"failed: {type(error).__name__}: {error}"
    if mutation not in SEALED:
        return mutation, "failed: other content without an error"
    return mutation, _goes_on(path)


def _goes_on(path: Path) -> str:
    """Go on from a checkpoint of a different state."""
    try:
        with np.errstate(all="ignore"):
            fit(path, 2)
    except xpnet.CheckpointError:
        return "of a different fit"
    except xpnet.DivergenceError:
        return "diverged"
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"
    return "went on"


# --- time


def timed(folder: Path, n: int = 30) -> dict[str, Any]:
    """Time checkpoints of a fit with Adam at 784-512-512-10."""
    seconds: list[float] = []
    save = FileKeeper.write

    def clocked(keeper: FileKeeper, state: Any) -> None:
        began = time.perf_counter()
        save(keeper, state)
        seconds.append(time.perf_counter() - began)

    net = xpnet.Network([784, 512, 512, 10], loss="cross_entropy")
    X = np.random.default_rng(0).normal(size=(128 * n, 784)).astype(np.float32)
    given: dict[str, Any] = {
        "epochs": 1,
        "checkpoint": folder / "f",
        "checkpoint_every": 1,
        "compile": False,
    }
    with patch.object(FileKeeper, "write", clocked):
        net.fit(X, np.arange(len(X)) % 10, **given)
    middle = statistics.median(seconds)
    return {
        "bytes": (folder / "f").stat().st_size,
        "median ms": round(1e3 * middle, 1),
        "largest ms": round(1e3 * max(seconds), 1),
        "percent of the default interval": round(100 * middle / INTERVAL, 2),
    }


PARTS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "time": lambda folder, options: timed(folder),
    "kills": lambda folder, options: killed(folder, options.kills, options.seed),
    "disk": lambda folder, options: disk.faults(),
    "damage": lambda folder, options: damaged(folder, options.cases, options.seed),
}


def run(options: argparse.Namespace) -> int:
    """Run all parts, or one; print and write what was found, and return 1 if anything went wrong.

    One part replaces only its own results in the file.
    """
    warnings.simplefilter("ignore", UserWarning)
    out: Path = options.out or OUT
    result = json.loads(out.read_text(encoding="utf-8")) if options.only and out.exists() else {}
    result |= {"machine": machine(), "seed": options.seed}
    for name in [options.only] if options.only else PARTS:
        folder = Path(tempfile.mkdtemp())
        result[name] = PARTS[name](folder, options)
        shutil.rmtree(folder)
        print(name, result[name], flush=True)
    if options.out or options.only or (options.kills >= KILLS and options.cases >= CASES):
        write(out, result)
    return 1 if any(result[name].get("wrong") for name in PARTS if name in result) else 0

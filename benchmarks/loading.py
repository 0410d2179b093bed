"""Time loading a model of 20 MB, and separately reading the file, its SHA-256 and one copy.

    python -m benchmarks.loading [--rounds 15] [--out FILE]

The four take turns. A fifth candidate loads the same file with one flipped bit in its last number,
which must be refused. Memory is the peak of Python and NumPy during a call, in bytes. The file is
in the system's cache.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import xpnet
from benchmarks.common import interleave, machine, write

SIZES = (784, 2048, 1536, 256, 10)
OUT = Path(__file__).parent / "results" / "loading.json"


def candidates(folder: Path) -> dict[str, Callable[[], Any]]:
    """Write the file and its damaged copy; return the calls to time."""
    path, damaged = folder / "model.safetensors", folder / "damaged.safetensors"
    net = xpnet.Network(SIZES, loss="cross_entropy")
    net.save(path)
    content, theta = path.read_bytes(), net.parameters
    damaged.write_bytes(content[:-4] + bytes((content[-4] ^ 1,)) + content[-3:])

    def refused() -> None:
        with contextlib.suppress(xpnet.FileError):
            xpnet.load(damaged)

    return {
        "reading": path.read_bytes,
        "checking": lambda: hashlib.sha256(content).digest(),
        "copying": lambda: np.array(theta),
        "load": lambda: xpnet.load(path),
        "refused": refused,
    }


def peak(call: Callable[[], Any]) -> int:
    """Return the peak memory during the call, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def measured(rounds: int) -> dict[str, Any]:
    """Return median milliseconds, the load's ratio to the sum of the other three, and memory."""
    with tempfile.TemporaryDirectory() as name:
        calls = candidates(Path(name))
        size = (Path(name) / "model.safetensors").stat().st_size
        seconds = interleave(calls, rounds=rounds, seconds=0.2)
        memory = {who: peak(calls[who]) for who in ("load", "refused")}
    alone = np.sum([seconds[who] for who in ("reading", "checking", "copying")], axis=0)
    return {
        "bytes": size,
        "milliseconds": {who: round(1e3 * median(s), 2) for who, s in seconds.items()},
        "load / the three alone": round(float(np.median(seconds["load"] / alone)), 3),
        "refused − checking, ms": round(
            1e3 * float(np.median(np.subtract(seconds["refused"], seconds["checking"]))), 2
        ),
        "memory": memory,
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found = measured(options.rounds)
    for name, value in found.items():
        print(f"{name}: {value}")
    write(options.out, {"machine": machine(), **found})


if __name__ == "__main__":
    main()

"""Compare small matrix products of compiled steps with OpenBLAS: GFLOP/s of one thread.

    python -m benchmarks.small_products [--rounds 15] [--out FILE]

The three products of a layer are X Wᵀ, dZᵀ X and dZ W. Compiled steps compute them with the
functions of `xpnet.engines.loops.products`. With space for tiles these use xpnet's own loops,
without it OpenBLAS; the two take turns. OpenBLAS chooses its kernels when NumPy is loaded. So the
default kernels and those that `xpnet doctor` recommends are measured in separate processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.common import blas_threads, interleave, machine, write
from xpnet.doctor import mend

SHAPES = ((32, 64, 64), (64, 784, 128), (128, 784, 256), (128, 512, 512))
"""The examples, the inputs and the units of a layer."""
DTYPES = ("float32", "float64")
ROOM = 2**15

ROOT = Path(__file__).parent.parent
OUT = Path(__file__).parent / "results" / "small_products.json"


def layer(N: int, before: int, units: int, dtype: str, room: int) -> dict[str, Callable[[], None]]:
    """Return the calls of a layer's products; ``room`` is the number of entries for tiles."""
    from xpnet.engines.loops import products

    multiply = {"float32": products.sgemm, "float64": products.dgemm}[dtype]
    rng = np.random.default_rng(1)
    X, W, dZ = (
        rng.standard_normal(shape).astype(dtype)
        for shape in ((N, before), (units, before), (N, units))
    )
    Z, dW, dX, space = np.empty_like(dZ), np.empty_like(W), np.empty_like(X), np.empty(room, dtype)
    return {
        "X Wᵀ": partial(
            multiply, N, units, before, False, X, before, True, W, before, Z, units, space
        ),
        "dZᵀ X": partial(
            multiply, units, before, N, True, dZ, units, False, X, before, dW, before, space
        ),
        "dZ W": partial(
            multiply, N, before, units, False, dZ, units, False, W, before, dX, before, space
        ),
    }


def rates(rounds: int) -> list[dict[str, Any]]:
    """Return the GFLOP/s of every shape and dtype, with OpenBLAS's kernels of this process."""
    rows = []
    for dtype in DTYPES:
        for shape in SHAPES:
            own, blas = layer(*shape, dtype, ROOM), layer(*shape, dtype, 0)
            for name in own:
                own[name](), blas[name]()  # the very first call compiles
                seconds = interleave({"own": own[name], "blas": blas[name]}, rounds=rounds)
                flops = 2 * shape[0] * shape[1] * shape[2]
                found = {who: round(flops / median(s) / 1e9, 1) for who, s in seconds.items()}
                rows.append({"dtype": dtype, "shape": shape, "product": name, **found})
    return rows


def apart(rounds: int, variables: dict[str, str]) -> dict[str, Any]:
    """Return the rates that a separate process measures with these environment variables."""
    command = [sys.executable, "-m", "benchmarks.small_products", "--here", "--rounds", str(rounds)]
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--here", action="store_true", help="measure in this process, print JSON")
    options = parser.parse_args()
    if options.here:
        with blas_threads(1):
            print(json.dumps({"machine": machine(), "rows": rates(options.rounds)}))
        return
    kernels = {"default": {}, **({"tuned": mend()} if mend() else {})}
    found = {name: apart(options.rounds, variables) for name, variables in kernels.items()}
    for name, result in found.items():
        for row in result["rows"]:
            print(name, *row.values())
    write(options.out, {"variables": kernels, "settings": found})


if __name__ == "__main__":
    main()

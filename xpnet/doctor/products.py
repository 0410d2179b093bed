"""The rate of matrix products: 2 n³ operations over the seconds that one of them takes.

Run as a file it prints the rates as JSON, so that a process with another environment can be asked.
It imports nothing of this package, which that process then need not find.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping

import numpy as np

__all__ = ["SIZE", "product_rates", "product_rates_in"]

SIZE = 1024


def product_rates(seconds: float = 0.1) -> dict[str, float]:
    """GFLOP/s of NumPy's square products by dtype: the fastest within so many seconds each."""
    return {dtype: _rate(dtype, seconds) for dtype in ("float32", "float64")}


def _rate(dtype: str, seconds: float) -> float:
    a, b = np.ones((SIZE, SIZE), dtype), np.ones((SIZE, SIZE), dtype)
    out = np.matmul(a, b)  # untimed: memory is touched and threads wake up
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        began = time.perf_counter()
        np.matmul(a, b, out=out)
        taken.append(time.perf_counter() - began)
    return round(2 * SIZE**3 / min(taken) / 1e9, 1)


def product_rates_in(environment: Mapping[str, str]) -> dict[str, float] | None:
    """The same in a process of its own with these variables; None where it does not end well."""
    try:
        run = subprocess.run(
            [sys.executable, "-P", __file__],  # -P: this folder's modules hide nobody's
            env={**os.environ, **environment},
            capture_output=True,
            timeout=60,
            check=True,
        )
        rates: dict[str, float] = json.loads(run.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return rates


if __name__ == "__main__":
    print(json.dumps(product_rates()))

"""Measure the rate of matrix products: operations over the seconds that they take.

A square product has 2 n³ operations. The three products of a layer in a training step (Z = A Wᵀ,
dW = dZᵀ A, dA = dZ W) have 6 N m n. They have few rows, so a BLAS's overhead weighs more.

Run as a file, this module prints the rates as JSON, so they can be measured in a process with a
different environment. It imports nothing of this package, so that process need not find it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np

__all__ = ["IN_A_STEP", "SIZE", "product_rates", "product_rates_in"]

SIZE = 1024
IN_A_STEP = "float32 in a step"
_EXAMPLES, _INPUTS, _UNITS = 128, 784, 512


def product_rates(seconds: float = 0.1) -> dict[str, float]:
    """Return GFLOP/s of NumPy's products, each the fastest run within ``seconds``.

    The products are square ones of each dtype, and those of a layer of 512 units in a step of 128
    examples.
    """
    rates = {dtype: _square(dtype, seconds) for dtype in ("float32", "float64")}
    return {**rates, IN_A_STEP: _in_a_step(seconds)}


def _square(dtype: str, seconds: float) -> float:
    a, b = np.ones((SIZE, SIZE), dtype), np.ones((SIZE, SIZE), dtype)
    out = np.empty_like(a)
    return _rate(lambda: np.matmul(a, b, out=out), 2 * SIZE**3, seconds)


def _in_a_step(seconds: float) -> float:
    A = np.ones((_EXAMPLES, _INPUTS), "float32")
    W = np.ones((_UNITS, _INPUTS), "float32")
    dZ = np.ones((_EXAMPLES, _UNITS), "float32")
    Z, dW, dA = np.empty_like(dZ), np.empty_like(W), np.empty_like(A)

    def products() -> None:
        np.matmul(A, W.T, out=Z)
        np.matmul(dZ.T, A, out=dW)
        np.matmul(dZ, W, out=dA)

    return _rate(products, 6 * _EXAMPLES * _INPUTS * _UNITS, seconds)


def _rate(products: Callable[[], object], operations: int, seconds: float) -> float:
    products()  # untimed warm-up of memory and threads
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        began = time.perf_counter()
        products()
        taken.append(time.perf_counter() - began)
    return round(operations / min(taken) / 1e9, 1)


def product_rates_in(environment: Mapping[str, str]) -> dict[str, float] | None:
    """Return `product_rates` of a separate process with these variables; None if it fails."""
    try:
        run = subprocess.run(
            [sys.executable, "-P", __file__],  # -P: no module of this folder hides others
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

"""Compare a loop over every weight with the matrix form: the same gradient, and both times.

    python -m benchmarks.loops_vs_matrix [--rounds 15] [--threads 1] [--out FILE]

The loops (`tests.support.loops`, Python over NumPy elements, float64) take a batch one example
after the other. The matrix form runs on NumPy in float64 and float32, twice: as ``net.gradient``,
which checks its arguments, and as the bare passes on prepared arrays. Both results are compared
before anything is timed. For large widths the loops are timed on the first few examples of the
batch, and the time is scaled to all of them; the table marks this. BLAS has one thread by default,
as the loops have.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import xpnet
from benchmarks.common import blas_threads, interleave, machine, write
from tests.support.loops import backpropagate
from xpnet.derivatives.gradient import gradient
from xpnet.losses import LOSSES

SIZES = ((8, 8, 4), (64, 32, 10), (784, 128, 10))
BATCHES = (1, 128)
DTYPES = ("float64", "float32")
MOST_WEIGHTS = 500_000
"""The loops visit at most so many weights per call, counted over all examples."""

OUT = Path(__file__).parent / "results" / "loops_vs_matrix.json"


def derivative(z: Any) -> Any:
    """Return tanh'(z) = 1 − tanh(z)²."""
    return 1.0 - np.tanh(z) ** 2


def loops(
    net: xpnet.Network, X: np.ndarray[Any, Any], Y: np.ndarray[Any, Any]
) -> Callable[[], list[list[list[Any]]]]:
    """Return a call that returns [weightgrad, biasgrad] of each example, one after the other."""
    weights, biases = list(net.weights), list(net.biases)

    def run() -> list[list[list[Any]]]:
        return [
            backpropagate(weights, biases, x, y, np.tanh, derivative)
            for x, y in zip(X, Y, strict=True)
        ]

    return run


def bare_passes(
    net: xpnet.Network, X: np.ndarray[Any, Any], Y: np.ndarray[Any, Any]
) -> Callable[[], Any]:
    """Return a call of only the passes, on arrays of the network's dtype: the flat gradient."""
    theta, loss, out = net.parameters, LOSSES["squared_error"], np.empty_like(net.parameters)
    scale = 1.0 / len(X)

    def run() -> Any:
        return gradient(net.backend, net.layers, loss, theta, X, Y, None, scale, out)[1]

    return run


def candidates(sizes: tuple[int, ...], N: int) -> tuple[dict[str, Callable[[], Any]], int]:
    """Return the timed calls by name, and how many of the N examples the loops take."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(N, sizes[0])), rng.uniform(-1, 1, (N, sizes[-1]))
    net = xpnet.Network(sizes, activation="tanh", output="tanh", loss="squared_error", rng=0)
    net = net.to(dtype="float64")
    weights = sum(W.size for W in net.weights)
    n = max(1, min(N, MOST_WEIGHTS // weights))
    check_equal(net, X[:n], Y[:n])
    calls: dict[str, Callable[[], Any]] = {"loops": loops(net, X[:n], Y[:n])}
    for dtype in DTYPES:
        calls.update(matrix_forms(net.to(dtype=dtype), X, Y))
    return calls, n


def matrix_forms(
    net: xpnet.Network, X: np.ndarray[Any, Any], Y: np.ndarray[Any, Any]
) -> dict[str, Callable[[], Any]]:
    """Return ``net.gradient`` and the passes on arrays of the network's dtype."""
    X, Y = X.astype(net.dtype), Y.astype(net.dtype)
    return {
        f"net.gradient {net.dtype}": lambda: net.gradient(X, Y),
        f"passes {net.dtype}": bare_passes(net, X, Y),
    }


def check_equal(net: xpnet.Network, X: np.ndarray[Any, Any], Y: np.ndarray[Any, Any]) -> None:
    """Raise an AssertionError unless the mean of the loops' gradients is the matrix form's."""
    flat = [
        np.concatenate([array.reshape(-1) for arrays in example for array in arrays])
        for example in loops(net, X, Y)()
    ]
    mean = np.mean(flat, axis=0)
    for found in (net.gradient(X, Y).flat, bare_passes(net, X, Y)()):
        assert np.linalg.norm(found - mean) <= 1e-12 * np.linalg.norm(mean)


def measure(sizes: tuple[int, ...], N: int, rounds: int) -> dict[str, Any]:
    """Return one row: median seconds of each candidate for N examples, and their ratios."""
    calls, n = candidates(sizes, N)
    seconds = interleave(calls, rounds=rounds)
    seconds["loops"] = [s * N / n for s in seconds["loops"]]
    medians = {name: median(figures) for name, figures in seconds.items()}
    ratios = {name: medians["loops"] / m for name, m in medians.items() if name != "loops"}
    return {
        "sizes": list(sizes),
        "examples": N,
        "examples_the_loops_were_timed_on": n,
        "median_seconds": {name: rounded(m) for name, m in medians.items()},
        "loops_over_matrix": {name: rounded(ratio) for name, ratio in ratios.items()},
    }


def rounded(x: float) -> float:
    """Round to four digits: more are noise."""
    return float(f"{x:.4g}")


def line(row: dict[str, Any]) -> str:
    """Return a row of the table: microseconds, and how many times faster the matrix form is."""
    medians, ratios = row["median_seconds"], row["loops_over_matrix"]
    N, n = row["examples"], row["examples_the_loops_were_timed_on"]
    cells = [f"{'-'.join(map(str, row['sizes'])):>11} {N:>4}"]
    cells.append(f"{medians['loops'] * 1e6:>12,.0f}{' ' if n == N else '*'}")
    cells += [f"{medians[name] * 1e6:>9,.1f} ({ratio:>7,.0f}×)" for name, ratio in ratios.items()]
    return " ".join(cells)


def header() -> str:
    """Return the names of the columns."""
    names = [f"{form} {dtype}" for dtype in DTYPES for form in ("gradient", "passes")]
    return f"{'layers':>11} {'N':>4} {'loops':>12}  " + " ".join(f"{name:>20}" for name in names)


def table(rounds: int) -> list[dict[str, Any]]:
    """Measure every row, and print it at once."""
    print("one gradient of the squared error, tanh layers: microseconds (loops ÷ matrix form)")
    print(header())
    rows = []
    for N in BATCHES:
        for sizes in SIZES:
            rows.append(measure(sizes, N, rounds))
            print(line(rows[-1]), flush=True)
    print("* timed on a few of the examples, and scaled to all")
    return rows


def main() -> None:
    """Time everything, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each candidate (15)")
    parser.add_argument("--out", type=Path, default=OUT, help="where the JSON goes")
    parser.add_argument("--threads", type=int, default=1, help="threads of BLAS (1)")
    settings = parser.parse_args()
    with blas_threads(settings.threads):
        rows = table(settings.rounds)
        write(settings.out, {"machine": machine(), "rounds": settings.rounds, "rows": rows})


if __name__ == "__main__":
    main()

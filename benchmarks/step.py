"""Compare a training step with its matrix products alone: the rest is xpnet's overhead.

    python -m benchmarks.step [--backend numpy] [--rounds 25] [--threads N] [--out FILE]

Three comparisons in float32; the two sides of a timing take turns:

1. forward and backward pass with their 3L − 1 products alone, written into preallocated arrays;
2. a step of ``fit`` (with gathered batches and history) with the bare step on one batch;
3. on NumPy, the peak memory of a step with 5 P + Σ (A_l + Z_l) + 3 arrays of the widest layer.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import xpnet
from benchmarks.common import blas_threads, interleave, machine, write
from xpnet.backends import Backend, get_backend, move
from xpnet.derivatives.gradient import gradient
from xpnet.engines.step import Feed, Recipe, start, step
from xpnet.optimizers import Adam

SHAPES = (
    ((2, 8, 2), 1),
    ((64, 64, 10), 32),
    ((784, 128, 10), 64),
    ((784, 512, 512, 10), 128),
    ((1024, 2048, 2048, 1000), 512),
)
FIT_SHAPE, FIT_BATCHES, FIT_EPOCHS = ((784, 128, 10), 64), 100, 5


def classification(sizes: tuple[int, ...], N: int) -> tuple[Any, Any]:
    """Return random inputs (N, n_0) and labels (N,), on the host."""
    rng = np.random.default_rng(0)
    return rng.random((N, sizes[0]), dtype=np.float32), rng.integers(0, sizes[-1], N)


def finish(backend: Backend, x: Any) -> None:
    """Wait for x by reading some of its numbers."""
    backend.to_numpy(x[..., :1] if x.ndim else x)


def products(backend: Backend, sizes: tuple[int, ...], N: int) -> Callable[[], None]:
    """Return the 3L − 1 products of a step: operands as in the passes, preallocated results."""

    def filled(*shape: int) -> Any:
        host = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
        return move(backend, host)

    A = [filled(N, n) for n in sizes]
    W: list[Any] = [None, *(filled(n, m) for m, n in pairwise(sizes))]
    dZ, Z, dA = ([filled(N, n) for n in sizes] for _ in range(3))
    dW = [None, *(filled(n, m) for m, n in pairwise(sizes))]
    L = len(sizes) - 1

    def run() -> None:
        for l in range(1, L + 1):
            Z[l] = backend.matmul(A[l - 1], W[l].mT, out=Z[l])
        for l in range(L, 0, -1):
            dW[l] = backend.matmul(dZ[l].mT, A[l - 1], out=dW[l])
            if l > 1:
                dA[l - 1] = backend.matmul(dZ[l], W[l], out=dA[l - 1])
        finish(backend, dW[1])

    return run


def forward_and_backward(backend: Backend, sizes: tuple[int, ...], N: int) -> Callable[[], None]:
    """Return a call of `gradient` with relu and softmax cross-entropy, in place if possible."""
    net = xpnet.Network(sizes, loss="cross_entropy", backend=backend)
    X, Y = (move(backend, part) for part in classification(sizes, N))
    g = backend.xp.empty_like(net.parameters) if backend.in_place else None
    theta, loss, layers = net.parameters, net.loss, net.layers
    assert loss is not None

    def run() -> None:
        total, *_ = gradient(backend, layers, loss, theta, X, Y, None, 1.0 / N, g)
        finish(backend, total)

    return run


def bare_steps(backend: Backend) -> Callable[[], None]:
    """Return a call of as many steps as `fit_steps` takes, all on one batch."""
    sizes, N = FIT_SHAPE
    net = xpnet.Network(sizes, loss="cross_entropy", backend=backend)
    X, Y = (move(backend, part) for part in classification(sizes, N))
    optimizer = Adam()
    assert net.loss is not None
    fixed = Recipe(backend, net.layers, net.loss, optimizer)
    one = backend.compile(step, static=1)

    def run() -> None:
        state = start(fixed, net.parameters)
        for t in range(1, FIT_BATCHES * FIT_EPOCHS + 1):
            state, total = one(fixed, state, Feed(X, Y), None, optimizer.coefficients(t, 0.001))
        finish(backend, total)

    return run


def fit_steps(backend: Backend) -> Callable[[], None]:
    """Return a fit of the same number of steps."""
    sizes, N = FIT_SHAPE
    net = xpnet.Network(sizes, loss="cross_entropy", backend=backend)
    X, Y = (move(backend, part) for part in classification(sizes, N * FIT_BATCHES))

    def run() -> None:
        net.fit(X, Y, epochs=FIT_EPOCHS, batch_size=N, progress=False)

    return run


def peak_memory(sizes: tuple[int, ...], N: int) -> tuple[int, int]:
    """Return the peak bytes of a step, including its state; and the budget."""
    backend = get_backend("numpy")
    net = xpnet.Network(sizes, loss="cross_entropy")
    X, Y = classification(sizes, N)
    optimizer, P = Adam(), len(net.parameters)
    assert net.loss is not None
    fixed = Recipe(backend, net.layers, net.loss, optimizer)
    tracemalloc.start()
    state = start(fixed, net.parameters)
    for t in (1, 2):
        state, _ = step(fixed, state, Feed(X, Y), None, optimizer.coefficients(t, 0.001))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    activations = 2 * N * sum(sizes[1:])
    return peak, 4 * (5 * P + activations + 3 * N * max(sizes[1:]))


def compare(pair: dict[str, Callable[[], None]], rounds: int) -> dict[str, Any]:
    """Return the medians of two candidates in microseconds, and the ratio second / first."""
    seconds = interleave(pair, rounds=rounds, seconds=0.05)
    first, second = (median(seconds[name]) * 1e6 for name in pair)
    ratios = sorted(b / a for a, b in zip(*seconds.values(), strict=True))
    quartiles = ratios[len(ratios) // 4], ratios[3 * len(ratios) // 4]
    names = list(pair)
    return {
        f"{names[0]}_us": round(first, 2),
        f"{names[1]}_us": round(second, 2),
        "ratio": round(second / first, 3),
        "ratio_quartiles": [round(r, 3) for r in quartiles],
    }


def name_of(sizes: tuple[int, ...], N: int) -> str:
    """Return a name such as "784-128-10, 64"."""
    return f"{'-'.join(map(str, sizes))}, {N}"


def main() -> None:
    """Run the three comparisons, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--device")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, help="of the BLAS library; default: its own choice")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    backend = get_backend(options.backend, options.device)
    out = options.out or Path(__file__).parent / "results" / f"step_{backend.name}.json"
    with blas_threads(options.threads):
        result = measure(backend, options.rounds)
    write(out, result)


def measure(backend: Backend, rounds: int) -> dict[str, Any]:
    """Measure every figure, and print it at once."""
    result: dict[str, Any] = {
        "machine": machine(),
        "backend": backend.name,
        "device": str(backend.device),
        "rounds": rounds,
        "step": {},
    }
    print(f"{'forward and backward':32}{'products µs':>12}{'passes µs':>12}{'ratio':>8}")
    for sizes, N in SHAPES:
        pair = {
            "products": products(backend, sizes, N),
            "passes": forward_and_backward(backend, sizes, N),
        }
        row = compare(pair, rounds if N < 512 else max(5, rounds // 5))
        result["step"][name_of(sizes, N)] = row
        print(
            f"{name_of(sizes, N):32}{row['products_us']:12.1f}{row['passes_us']:12.1f}"
            f"{row['ratio']:8.3f}"
        )
    row = compare({"bare": bare_steps(backend), "fit": fit_steps(backend)}, rounds)
    result["fit"] = {name_of(*FIT_SHAPE): row, "steps": FIT_BATCHES * FIT_EPOCHS}
    print(f"fit / bare steps at {name_of(*FIT_SHAPE)}: {row['ratio']:.3f}")
    if backend.name == "numpy":
        peak, budget = peak_memory((784, 512, 512, 10), 128)
        result["memory"] = {"784-512-512-10, 128": {"peak_bytes": peak, "budget_bytes": budget}}
        print(f"peak memory at 784-512-512-10, 128: {peak:,} of {budget:,} bytes")
    return result


if __name__ == "__main__":
    main()

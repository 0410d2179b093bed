"""The five steps of docs/backprop.md from loops to matrices, timed in microseconds per example.

    python -m benchmarks.backprop_steps [--rounds 15] [--threads 1] [--out FILE]

The functions come from the page itself: its blocks are run, and the functions that they define are
called here on the sizes below, in float64. The gradients are compared before anything is timed.
Steps that take one example at a time are timed on the first few examples of the batch. BLAS has one
thread by default, as the loops have.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import numpy as np

import xpnet
from benchmarks.common import blas_threads, interleave, machine, write
from docs.blocks import run

PAGE = Path(__file__).parent.parent / "docs" / "backprop.md"
CASES = (((8, 8, 4), 1), ((64, 32, 10), 128), ((784, 128, 10), 128))
MOST_WEIGHTS = 200_000
"""The loops visit at most so many weights per call, counted over all examples."""

Page: TypeAlias = dict[str, Any]
Calls: TypeAlias = dict[str, Callable[[], Any]]

OUT = Path(__file__).parent / "results" / "backprop_steps.json"


def one_by_one(page: Page, net: xpnet.Network, X: Any, Y: Any) -> Calls:
    """Return the steps that take one example at a time; each call returns a list of [dW, db]."""
    W, b, examples = *with_layer_0(net), list(zip(X, Y, strict=True))

    def each(layer: Callable[..., Any]) -> Callable[[], Any]:
        return lambda: [page["backward"](W, b, x, y, layer) for x, y in examples]

    return {
        "the loops": lambda: [page["loops"](W, b, x, y) for x, y in examples],
        "1. dz has a name": each(page["with_dz"]),
        "2. no loop over k": each(page["by_rows"]),
        "3. no loop over j": each(page["by_matrices"]),
    }


def at_once(page: Page, net: xpnet.Network, X: Any, Y: Any) -> Calls:
    """Return the steps that take a batch; each call returns [dW, db] of the mean."""
    W, b = with_layer_0(net)
    return {
        "4. no loop over n": lambda: page["batch"](W, b, X, Y),
        "5. `net.gradient`": lambda: net.gradient(X, Y),
    }


def with_layer_0(net: xpnet.Network) -> tuple[list[Any], list[Any]]:
    """Return W and b as on the page: layer l has the index l."""
    return [None, *net.weights], [None, *net.biases]


def flat(gradient: Any) -> Any:
    """Return [dW, db] as one vector."""
    return np.concatenate([a.ravel() for arrays in gradient for a in arrays if a is not None])


def check_equal(singly: Calls, together: Calls) -> None:
    """Raise an AssertionError unless the mean of one is the other."""
    found = [np.mean([flat(one) for one in call()], axis=0) for call in singly.values()]
    found += [flat(call()) for call in together.values()]
    for gradient in found[1:]:
        assert np.linalg.norm(gradient - found[0]) <= 1e-12 * np.linalg.norm(found[0])


def measure(page: Page, sizes: tuple[int, ...], N: int, rounds: int) -> dict[str, Any]:
    """Return one row: the median microseconds per example of each step."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(N, sizes[0])), rng.uniform(-1, 1, (N, sizes[-1]))
    net = xpnet.Network(
        sizes, activation="tanh", output="tanh", loss="squared_error", dtype="float64"
    )
    n = max(1, min(N, MOST_WEIGHTS // sum(W.size for W in net.weights)))
    singly = one_by_one(page, net, X[:n], Y[:n])
    check_equal(singly, at_once(page, net, X[:n], Y[:n]))
    seconds = interleave({**singly, **at_once(page, net, X, Y)}, rounds=rounds)
    return {
        "sizes": list(sizes),
        "examples": N,
        "examples_timed_one_by_one": n,
        "microseconds_an_example": {
            name: float(f"{median(figures) / (n if name in singly else N) * 1e6:.4g}")
            for name, figures in seconds.items()
        },
    }


def main() -> None:
    """Time everything, print it, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each step (15)")
    parser.add_argument("--out", type=Path, default=OUT, help="where the JSON goes")
    parser.add_argument("--threads", type=int, default=1, help="threads of BLAS (1)")
    parser.add_argument("--note", default="", help="what else the result should say of its run")
    settings = parser.parse_args()
    page, rows = run(PAGE), []
    with blas_threads(settings.threads):
        for sizes, N in CASES:
            rows.append(measure(page, sizes, N, settings.rounds))
            print(rows[-1], flush=True)
        note = {"note": settings.note} if settings.note else {}
        write(settings.out, {**note, "machine": machine(), "rounds": settings.rounds, "rows": rows})


if __name__ == "__main__":
    main()

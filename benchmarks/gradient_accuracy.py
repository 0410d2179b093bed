"""Measure the gradients' accuracy: the largest norm-wise relative error against each reference.

    python -m benchmarks.gradient_accuracy [--out FILE]

Every output activation is paired with every loss that accepts it, in float64, on each installed
backend. The references come from the tests: mpmath with 50 digits or more (for initial and for
confident networks), automatic derivatives of torch and JAX, and backpropagation with loops.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import machine, write
from tests.support import gradient_cases as cases
from tests.support.helpers import PAIRS, network, relative
from tests.support.loops import backpropagate
from xpnet.backends import Backend, available_backends, get_backend

OUT = Path(__file__).parent / "results" / "gradient_accuracy.json"


def against_mpmath(backend: Backend, confident: bool) -> Iterator[float]:
    """Yield the errors of the weights and biases, for every pair."""
    pairs = cases.CONFIDENT_PAIRS if confident else PAIRS
    for activation, loss in pairs:
        theta, X, Y, _, expected = cases.exact_case(activation, loss, "tanh", confident)
        net = network(backend, cases.SIZES, activation=["tanh", "tanh", activation], loss=loss)
        net.set_parameters(theta)
        dW, db = net.gradient(X, Y)
        yield from (relative(g, e) for g, e in zip((*dW, *db), expected, strict=True))


def against_autodiff(backend: Backend, reference: Callable[..., Any]) -> Iterator[float]:
    """Yield the error of the whole gradient, for every pair."""
    for activation, loss in PAIRS:
        names = ["silu", "tanh", activation]
        net = network(backend, cases.SIZES, activation=names, loss=loss)
        X, Y = cases.problem(loss)
        _, expected = reference(net, names, loss, X, Y)
        yield relative(net.gradient(X, Y).flat, expected)


def against_loops(backend: Backend) -> Iterator[float]:
    """Yield the errors of the weights and biases for one example, in networks of several shapes."""
    for sizes in ([2, 3, 2], [8, 8, 4], [64, 32, 10]):
        net = network(backend, sizes, activation=["tanh"] * (len(sizes) - 1), loss="squared_error")
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=sizes[0]), rng.normal(size=sizes[-1])
        weights, biases = cases.parts(net)
        dW, db = net.gradient(x, y)
        references = backpropagate(weights, biases, x, y, np.tanh, lambda z: 1 - np.tanh(z) ** 2)
        for found, expected in zip((*dW, *db), (*references[0], *references[1]), strict=True):
            yield relative(found, expected)


def main() -> None:
    """Print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    usable = {row.name for row in available_backends() if row.usable}
    result: dict[str, Any] = {"machine": machine(), "largest_relative_error": {}}
    backends = [get_backend(name) for name in sorted(usable)]
    for backend in backends:
        backend.dtype("float64")  # turns JAX's 64-bit mode on, before anything is computed
    for backend in backends:
        row = {
            "loops": max(against_loops(backend)),
            "mpmath": max(against_mpmath(backend, confident=False)),
            "mpmath, confident": max(against_mpmath(backend, confident=True)),
        }
        if "torch" in usable:
            row["torch autograd"] = max(against_autodiff(backend, cases.torch_gradient))
        if "jax" in usable:
            row["jax.grad"] = max(against_autodiff(backend, cases.jax_gradient))
        result["largest_relative_error"][backend.name] = row
        print(f"{backend.name:18}" + "  ".join(f"{k} {v:.1e}" for k, v in row.items()))
    write(options.out, result)


if __name__ == "__main__":
    main()

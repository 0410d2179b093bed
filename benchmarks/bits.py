"""Check whether this checkout and another one compute the same bits.

    python -m benchmarks.bits --against FOLDER [--backends numpy …] [--compiled]

FOLDER holds the other checkout's ``xpnet/``. Each one trains networks in its own process: every
kind of layer, optimizer and loss, on every backend that is installed. Steps run one by one, jitted
and streamed, in stacks, and with ``--compiled`` in numba's loops. θ, the layers' statistics, the
history and predictions are compared bit by bit, by their digests. A change that only moves code
keeps all of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import xpnet
from benchmarks.against import sources
from benchmarks.turns import ROOT
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm, Residual
from xpnet.losses import LOSSES
from xpnet.optimizers import OPTIMIZERS, Accumulated, Adam, Averaged, Clipped

__all__ = ["main"]

N, BATCH = 50, 16  # the last batch is shorter
CHAINS: dict[str, list[Any]] = {
    "dense": [5, Dense(7, activation="tanh"), 6],
    "masks and statistics": [5, Dense(7), BatchNorm(), Dropout(0.3), Dense(6), LayerNorm(), 6],
    "residual": [5, Residual([Dense(8, activation="gelu"), 5]), 6],
    "embedding": [5, Embedding((4, 3), dim=2, columns=(0, 2)), Dense(7), 6],
}
WRAPPED = {
    "accumulated": Accumulated(Adam(), 2),
    "averaged": Averaged(Adam()),
    "clipped": Clipped(Adam(), 0.1),
}
TARGETS: dict[str, Callable[[np.random.Generator], Any]] = {
    "labels": lambda rng: rng.integers(0, 6, N),
    "probabilities": lambda rng: rng.integers(0, 2, (N, 6)),
    "counts": lambda rng: rng.integers(0, 9, (N, 6)).astype("float32"),
    "rows": lambda rng: rng.normal(size=(N, 6)).astype("float32"),
}


def main(arguments: list[str] | None = None) -> int:
    """Compare the checkouts; return 1 if a digest differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="the other checkout")
    parser.add_argument("--backends", nargs="+", metavar="NAME", help="all that are installed")
    parser.add_argument("--compiled", action="store_true", help="numba's loops as well: minutes")
    parser.add_argument("--digests", action="store_true", help="print this checkout's, as JSON")
    options = parser.parse_args(arguments)
    if options.digests:
        print(json.dumps(digests(options.backends, options.compiled)))
        return 0
    if options.against is None:
        raise SystemExit("--against FOLDER: the other checkout")
    with sources(this=ROOT, other=options.against) as environments:
        this, other = (_of_process(environments[who], options) for who in ("this", "other"))
    differ = sorted(
        case for case in this.keys() | other.keys() if this.get(case) != other.get(case)
    )
    for case in differ:
        print(f"differs: {case}")
    print(f"{len(this)} cases, {len(differ)} differ")
    return 1 if differ else 0


def _of_process(environment: dict[str, str], options: argparse.Namespace) -> dict[str, str]:
    command = [sys.executable, "-m", "benchmarks.bits", "--digests"]
    command += ["--backends", *options.backends] if options.backends else []
    command += ["--compiled"] if options.compiled else []
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def digests(backends: list[str] | None, compiled: bool) -> dict[str, str]:
    """Return the digest of each case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both checkouts give the same warnings
        names = backends or [found.name for found in xpnet.available_backends() if found.usable]
        return {
            f"{name}: {case}": digest(name, **settings)
            for name in names
            for case, settings in cases(name, compiled)
        }


def cases(backend: str, compiled: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a backend's fits: on NumPy every optimizer with every chain, elsewhere some of them."""
    many = backend == "numpy"
    optimizers: dict[str, Any] = {**{name: name for name in OPTIMIZERS}, **WRAPPED}
    for chain in CHAINS:
        for name in optimizers if many or chain == "dense" else ["adam"]:
            yield f"{chain}, {name}", {"chain": chain, "optimizer": optimizers[name]}
    for loss in LOSSES:
        yield f"loss {loss}", {"loss": loss}
    yield "lbfgs", {"optimizer": "lbfgs", "batch_size": None, "epochs": 5}
    yield "penalty", {"penalty": xpnet.Penalty(l2=0.01), "max_norm": xpnet.MaxNorm(1.0)}
    yield "stack", {"stack": 3}
    if backend in ("torch", "cupy"):
        yield "streamed", {"stream": True, "chain": "masks and statistics"}
    if compiled and many:
        for chain in CHAINS:
            yield f"compiled, {chain}", {"chain": chain, "compile": True}


def digest(
    backend: str,
    chain: str = "dense",
    optimizer: Any = "adam",
    loss: str = "cross_entropy",
    stack: int = 0,
    **settings: Any,
) -> str:
    """Return the digest of the results of a fit with validation, 64 letters."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, 5)).astype("float32")
    if chain == "embedding":
        X[:, 0], X[:, 2] = rng.integers(0, 4, N), rng.integers(0, 3, N)
    Y = TARGETS[LOSSES[loss].targets](rng)
    sizes = CHAINS[chain]
    if loss == "gaussian_nll":
        sizes = [*sizes[:-1], 12]
    net: Any = xpnet.Network(sizes, loss=loss, backend=backend, rng=3)
    if stack:
        net = xpnet.Stack(
            [xpnet.Network(sizes, loss=loss, backend=backend, rng=s) for s in range(stack)]
        )
    fitted = {"epochs": 3, "batch_size": BATCH, **settings}
    if not stack:
        fitted.setdefault("compile", backend == "jax")
    history = net.fit(X, Y, optimizer=optimizer, validation_data=(X[:9], Y[:9]), **fitted)
    statistics = () if stack else net.statistics
    return _digest([net.parameters, *statistics, *_numbers(history), net.predict(X)])


def _numbers(history: Any) -> list[Any]:
    return [np.asarray(x, np.float64) for x in history.values().values()]


def _digest(arrays: list[Any]) -> str:
    made = hashlib.sha256()
    for x in arrays:
        host = np.ascontiguousarray(xpnet.to_numpy(x))
        made.update(f"{host.dtype}{host.shape}".encode() + host.tobytes())
    return made.hexdigest()


if __name__ == "__main__":
    sys.exit(main())

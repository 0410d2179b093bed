"""Time derivatives other than the gradient, in turn with jitted JAX and torch.func.

    python -m benchmarks derivatives [--rounds 9] [--quick] [--out FILE]

All in float32, in one process on one processor. Each derivative is compared before it is timed. The
time is the processor time of the process, all its threads together, so that other programs on the
machine count little. The table has xpnet's median time as a multiple of its own gradient's, and as
a multiple of each peer's time for the same derivative.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import xpnet
from benchmarks.common import blas_threads, interleave, machine, write

__all__ = ["add_arguments", "run"]

OUT = Path(__file__).parent / "results" / "derivatives.json"
PEERS = {"jax": "derivatives_jax", "torch": "derivatives_torch"}
PRODUCTS = ("gradient", "hvp", "ggnvp", "per_example_norms", "clipped_gradient", "jacobian")
ROUNDS = 9


class Case(NamedTuple):
    """A network and its batch; θ and the vector v as one vector each."""

    sizes: tuple[int, ...]
    N: int
    derivatives: tuple[str, ...]
    activation: str = "relu"
    clip_norm: float = 1.0
    net: Any = None
    X: Any = None
    Y: Any = None
    v: Any = None

    @property
    def theta(self) -> Any:
        """θ (P,)."""
        return self.net.parameters

    def parts(self, flat: Any) -> list[tuple[Any, Any]]:
        """(W_l, b_l) of a vector like θ."""
        return list(zip(*xpnet.Gradients(np, self.net.layers, flat), strict=True))


CASES = (
    Case((784, 128, 10), 128, PRODUCTS),
    Case((64, 64, 10), 32, PRODUCTS),
    Case((64, 64, 10), 10_000, ("gradient", "per_example_gradients")),
    Case((2, 64, 64, 2), 256, ("gradient", "laplacian"), "tanh"),
)


def filled(case: Case) -> Case:
    """The case with its arrays."""
    net = xpnet.Network(
        case.sizes, activation=case.activation, output="identity", loss="cross_entropy", rng=0
    )
    rng = np.random.default_rng(0)
    X = rng.normal(size=(case.N, case.sizes[0])).astype(np.float32)
    Y = rng.integers(0, case.sizes[-1], case.N)
    v = rng.normal(size=net.parameters.size).astype(np.float32)
    return case._replace(net=net, X=X, Y=Y, v=v)


def ours(case: Case) -> dict[str, Callable[[], Any]]:
    """A call of xpnet for each derivative."""
    net, X, Y = case.net, case.X, case.Y
    found: dict[str, Callable[[], Any]] = {
        "gradient": lambda: net.gradient(X, Y).flat,
        "hvp": lambda: net.hvp(X, Y, case.v),
        "ggnvp": lambda: net.ggnvp(X, Y, case.v),
        "per_example_norms": lambda: net.per_example_norms(X, Y),
        "clipped_gradient": lambda: net.clipped_gradient(X, Y, case.clip_norm).flat,
        "per_example_gradients": lambda: net.per_example_gradients(X, Y),
        "jacobian": lambda: net.jacobian(X),
        "laplacian": lambda: net.laplacian(X).laplacian,
    }
    return {name: found[name] for name in case.derivatives}


def check_equal(name: str, peer: str, found: Any, expected: Any) -> None:
    """Check that a peer computes the same: one array, or (W_l, b_l) for each layer."""
    found = np.asarray(found)
    if isinstance(expected, (tuple, list)):
        weights = [W for W, _ in expected] + [b for _, b in expected]
        lead = found.shape[:-1]
        parts = [np.asarray(part).reshape(*lead, -1) for part in weights]
        expected = np.concatenate(parts, axis=-1)
    expected = np.asarray(expected)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    if not error < 1e-3:
        raise AssertionError(f"{name}: xpnet and {peer} differ by {error:.1e}")


def measure(case: Case, rounds: int, seconds: float) -> dict[str, Any]:
    """One case: the median seconds of each derivative and library, and the ratios."""
    case = filled(case)
    calls = {"xpnet": ours(case)}
    for name, module in PEERS.items():
        if find_spec(name):
            calls[name] = import_module(f"benchmarks.peers.{module}").calls(case)
    rows = {}
    for derivative in case.derivatives:
        each = {library: of[derivative] for library, of in calls.items()}
        for library in list(each)[1:]:
            check_equal(derivative, library, each["xpnet"](), each[library]())
        timed = {"gradient": calls["xpnet"]["gradient"], **each}
        rows[derivative] = _row(_timed(timed, rounds, seconds))
        print(_line(case, derivative, rows[derivative]), flush=True)
    return {"sizes": list(case.sizes), "examples": case.N, "derivatives": rows}


def _timed(calls: Mapping[str, Any], rounds: int, seconds: float) -> dict[str, list[float]]:
    return interleave(calls, rounds=rounds, seconds=seconds, timer=time.process_time)


def _row(seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    medians = {name: float(f"{median(found):.4g}") for name, found in seconds.items()}
    own, gradient = medians["xpnet"], medians.pop("gradient")
    ratios = {name: round(own / m, 3) for name, m in medians.items() if name != "xpnet"}
    return {
        "median_seconds": medians,
        "over_own_gradient": round(own / gradient, 3),
        "over_peers": ratios,
    }


def _line(case: Case, name: str, row: dict[str, Any]) -> str:
    widths = "-".join(map(str, case.sizes))
    peers = "  ".join(f"{ratio:.2f} × {peer}" for peer, ratio in row["over_peers"].items())
    own = row["median_seconds"]["xpnet"] * 1e6
    gradients = row["over_own_gradient"]
    return (
        f"{widths:>12} {case.N:>6} {name:<22} {own:>9,.0f} µs {gradients:>6.2f} gradients  {peers}"
    )


@contextmanager
def one_processor() -> Iterator[None]:
    """Keep this process on one processor within the context, where the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="one short round of small batches")
    parser.add_argument("--out", type=Path)


def run(options: argparse.Namespace) -> int:
    """Time every case; print a table and write JSON."""
    cases: tuple[Case, ...] = CASES
    rounds, seconds = options.rounds, 0.05
    if options.quick:
        cases, rounds, seconds = tuple(c._replace(N=min(c.N, 16)) for c in CASES), 1, 0.001
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with one_processor(), blas_threads(1):
        if find_spec("torch"):
            import_module("torch").set_num_threads(1)
        rows = [measure(case, rounds, seconds) for case in cases]
        result = {"machine": machine(), "load_average_at_start": load, "rounds": rounds}
    if options.out or not options.quick:
        write(options.out or OUT, {**result, "cases": rows})
    return 0

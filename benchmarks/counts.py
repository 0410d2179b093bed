"""Count what a training step asks of CUDA, on the fake CUDA of ci/fake_cuda: no GPU is needed.

    python ci/fake_cuda python -m benchmarks gpu --counts [--out FILE]

Every count is of the third of a fit's four epochs. Counts are those of CuPy itself, and hold on a
card as well. The microseconds are the processor's, until a step is launched, with nothing computed
meanwhile. They tell how long Python is at work between launches, and are no times of a card: CUDA's
own share of a launch, and all computing, are missing.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import xpnet
from benchmarks.common import machine, write
from benchmarks.report import aligned

__all__ = ["OUT", "SHAPES", "Shape", "count_rows", "run"]

OUT = Path(__file__).parent / "results" / "gpu_counts.json"
EPOCHS = 4
KERNELS, GRAPH, STREAMED = "launched", "graph", "streamed"


class Shape(NamedTuple):
    """A network and an epoch; counts depend on the layers and steps, and not on the widths."""

    sizes: tuple[int, ...]
    batch: int
    steps: int

    @property
    def title(self) -> str:
        """A title such as "784-128-10, 64"."""
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}"


SHAPES = (
    Shape((2, 8, 2), 1, 72),
    Shape((64, 64, 10), 32, 72),
    Shape((784, 128, 10), 64, 40),
    Shape((784, 256, 128, 10), 128, 40),
)


def run(options: argparse.Namespace) -> int:
    """Count, print and write."""
    if "FAKE_CUDA" not in os.environ:
        raise SystemExit("there is nothing to count: python ci/fake_cuda python -m benchmarks …")
    os.environ["FAKE_CUDA_STREAMS"] = "late"  # so that a launch computes nothing
    shapes = {shape.title: measured(shape) for shape in SHAPES}
    result = {"machine": machine(), "cupy": _cupy_version(), "shapes": shapes}
    write(options.out or OUT, result)
    print(aligned(*count_rows(shapes)))
    return 0


def _cupy_version() -> str:
    from importlib.metadata import version

    return version("cupy-cuda13x")


def measured(shape: Shape) -> dict[str, Any]:
    """Return the counts of an epoch and the host's time of a step, for each way to run steps."""
    return {"steps": shape.steps, **{how: _of(shape, how) for how in (GRAPH, KERNELS, STREAMED)}}


def _of(shape: Shape, how: str) -> dict[str, float]:
    """Return the counts of the last but one epoch of a fit, and the host's time of a step."""
    rng = np.random.default_rng(0)
    rows = shape.batch * shape.steps
    X, Y = rng.random((rows, shape.sizes[0]), dtype="f"), rng.integers(0, shape.sizes[-1], rows)
    net = xpnet.Network(list(shape.sizes), loss="cross_entropy", backend="cupy", rng=0)
    seen: list[dict[str, float]] = []
    settings: dict[str, Any] = {"batch_size": shape.batch, "progress": False}
    with _ways(how), _timed_runs() as spent:
        settings["callbacks"] = lambda net, history: _note(seen, spent)
        net.fit(X, Y, epochs=EPOCHS, stream=how == STREAMED, **settings)
    last = {name: seen[-2][name] - seen[-3][name] for name in seen[-2]}
    seconds = last.pop("run") - last.pop("begin")
    if how == STREAMED:  # the fake computes between two launches, which leaves the caches cold
        return last
    return last | {"host_us_a_step": round(seconds / shape.steps * 1e6, 1)}


def _note(seen: list[dict[str, float]], spent: Mapping[str, float]) -> None:
    seen.append({**counts(), **spent})


@contextmanager
def _ways(how: str) -> Iterator[None]:
    """Launch every step by itself in this context, if that is wanted."""
    from xpnet.engines.cuda.graphs import Graphs

    replaced = patch.object(Graphs, "launch", lambda *_: False)
    with replaced if how == KERNELS else nullcontext():
        yield


def counts() -> dict[str, int]:
    """Return what the fake CUDA has counted so far in this process."""
    library = ctypes.CDLL(str(Path(os.environ["FAKE_CUDA"]) / "libfake_cuda.so"))
    library.fake_cuda_count_name.restype = ctypes.c_char_p
    library.fake_cuda_count.restype = ctypes.c_long
    found: dict[str, int] = {}
    while name := library.fake_cuda_count_name(len(found)):
        found[name.decode()] = library.fake_cuda_count(name)
    return found


@contextmanager
def _timed_runs() -> Iterator[dict[str, float]]:
    """Yield the processor's seconds spent so far: launching in all, and beginning epochs."""
    from xpnet.engines.cuda.runner import CudaRunner

    spent = {"run": 0.0, "begin": 0.0}
    methods: dict[str, Any] = {"run": CudaRunner.run, "begin": CudaRunner._begin}

    def timed(name: str) -> Any:
        def method(self: Any, *arguments: Any) -> Any:
            began = time.thread_time()
            found = methods[name](self, *arguments)
            spent[name] += time.thread_time() - began
            return found

        return method

    with (
        patch.object(CudaRunner, "run", timed("run")),
        patch.object(CudaRunner, "_begin", timed("begin")),
    ):
        yield spent


_COLUMNS = {
    "launches": ("launches", "products"),
    "graphs": ("graph launches",),
    "their nodes": ("graph nodes",),
    "copies to the card": ("copies to device",),
    "back": ("copies to host",),
    "on it": ("copies on device",),
    "kB to the card": ("bytes to device",),
    "waits": ("synchronisations", "event synchronisations"),
    "allocations": ("allocations",),
}


def count_rows(shapes: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[Sequence[str]]]:
    """Return the counts of an epoch as rows of text."""
    head = ["network, batch", "steps", "run as", *_COLUMNS, "host µs a step"]
    rows: list[Sequence[str]] = []
    for title, found in shapes.items():
        for how in (GRAPH, KERNELS, STREAMED):
            sums = [sum(found[how][name] for name in names) for names in _COLUMNS.values()]
            cells = [f"{n:,.0f}" for n in sums]
            at = list(_COLUMNS).index("kB to the card")
            cells[at] = f"{sums[at] / 1e3:,.1f}"
            host = str(found[how].get("host_us_a_step", "–"))
            rows.append([title, str(found["steps"]), how, *cells, host])
    return head, rows

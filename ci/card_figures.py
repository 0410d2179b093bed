"""Figures that need a GPU, in about a minute: python ci/card_figures.py OUT.json [--launched]

The microseconds of a step at six shapes, in float32 and TF32: as captured graphs, or with
``--launched`` launch by launch. Launch by launch it also measures the cost of a launch, a graph's
node, a small product, and the ticket at the end of the optimizer's kernel. ``--small`` is for a
fake CUDA.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import xpnet
from xpnet.engines.cuda.graphs import Graphs

SHAPES = (
    ((2, 8, 2), 1, 512),
    ((64, 64, 10), 32, 512),
    ((784, 128, 10), 64, 512),
    ((784, 256, 128, 10), 128, 480),
    ((784, 512, 512, 10), 128, 128),
    ((1024, 2048, 2048, 1000), 512, 32),
)
"""Widths, batch, steps of an epoch."""

SMALL = (((6, 8, 2), 4, 32), ((20, 16, 10), 8, 32))

ADD_ONE = 'extern "C" __global__ void f(float* x) { x[threadIdx.x] += 1.0f; }'
ADAM = r"""
extern "C" __global__ void adam(
    float* p, float* m, float* v, const float* g, int* ticket, int n
) {
    const long long first = blockIdx.x * 8LL + threadIdx.y;
    for (long long j = first * 32 + threadIdx.x; j < n; j += gridDim.x * 256LL) {
        const float a = g[j];
        v[j] = v[j] * 0.999f + a * a * 0.001f;
        m[j] = m[j] * 0.9f + a * 0.1f;
        p[j] -= 1e-3f * m[j] / (sqrtf(v[j]) + 1e-8f);
    }
#if TICKET
    __shared__ bool last;
    __syncthreads();
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        __threadfence();
        last = atomicAdd(ticket, 1) == gridDim.x - 1;
        if (last) *ticket = 0;
        __threadfence();
    }
    __syncthreads();
#endif
}
"""


def main() -> None:
    """Measure; print and write each figure as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--launched", action="store_true")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {}

    def note(name: str, value: Any) -> None:
        found[name] = value
        print(name, value, flush=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    if options.launched:
        Graphs.launch = lambda *_: False  # type: ignore[method-assign]
    how = "launched" if options.launched else "captured"
    for sizes, batch, steps in SMALL if options.small else SHAPES:
        for precision in ("float32", "tf32"):
            name = f"{how}, {'-'.join(map(str, sizes))}, {batch}, {precision}"
            note(name, step_figures(sizes, batch, steps, precision))
    if options.launched:
        launches(note)
        tickets(note, 2**12 if options.small else 50_000_000)


def step_figures(
    sizes: tuple[int, ...], batch: int, steps: int, precision: str
) -> dict[str, float]:
    """Return a step's microseconds, from fits of 2 and 6 epochs, and the first fit's seconds."""
    backend = xpnet.get_backend("cupy", precision=precision)
    rng = np.random.default_rng(0)
    X = xpnet.asarray(rng.random((batch * steps, sizes[0]), dtype="f"), backend=backend)
    Y = xpnet.asarray(np.arange(batch * steps) % sizes[-1], backend=backend)
    net = xpnet.Network(list(sizes), loss="cross_entropy", backend=backend, rng=0)

    def seconds(epochs: int) -> float:
        began = time.perf_counter()
        net.fit(X, Y, epochs=epochs, batch_size=batch, progress=False)
        return time.perf_counter() - began

    first, two, six = seconds(1), seconds(2), seconds(6)
    return {
        "us_a_step": round((six - two) / 4 / steps * 1e6, 2),
        "first_fit_s": round(first, 3),
        "fit_of_2_epochs_ms": round(two * 1e3, 2),
    }


def timed(act: Callable[[], Any], repeats: int, warm: int = 3) -> dict[str, float]:
    """Return the microseconds of ``act`` by the device's clock, and until the host can go on."""
    import cupy

    for _ in range(warm):
        act()
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    began = time.perf_counter()
    begin.record()
    for _ in range(repeats):
        act()
    end.record()
    host = time.perf_counter() - began
    end.synchronize()
    device = cupy.cuda.get_elapsed_time(begin, end) / repeats * 1e3
    return {"device_us": round(device, 2), "host_us": round(host / repeats * 1e6, 2)}


def launches(note: Callable[[str, Any], None]) -> None:
    """Time a launch, graphs of 1 to 480 dependent nodes, and a small product."""
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        add = cupy.RawModule(code=ADD_ONE, options=("--std=c++17",)).get_function("f")
        x = cupy.zeros(256, "f")

        def launch() -> None:
            add((1,), (256,), (x,))

        note("a launch", timed(launch, 500))
        for nodes in (1, 10, 100, 480):
            stream.begin_capture()
            for _ in range(nodes):
                launch()
            graph = stream.end_capture()
            figures = timed(lambda graph=graph: graph.launch(stream), 20)
            figures["device_us_a_node"] = round(figures["device_us"] / nodes, 3)
            note(f"a graph of {nodes} nodes", figures)
        a, b, c = (cupy.zeros(shape, "f") for shape in ((64, 784), (128, 784), (64, 128)))
        note("cupy.matmul 64 x 784 x 128", timed(lambda: cupy.matmul(a, b.T, out=c), 200))


def tickets(note: Callable[[str, Any], None], n: int) -> None:
    """Time what a fence and a ticket in each block cost Adam's kernel on n parameters."""
    import cupy

    arrays = (*(cupy.zeros(n, "f") for _ in range(4)), cupy.zeros(1, "i"), np.int32(n))
    for blocks in (65535, 8192, 2112, 1056):
        for ticket in (1, 0):
            options = ("--std=c++17", f"-DTICKET={ticket}")
            adam = cupy.RawModule(code=ADAM, options=options).get_function("adam")
            act = lambda adam=adam, blocks=blocks: adam((blocks,), (32, 8), arrays)  # noqa: E731
            device = timed(act, 10)["device_us"]
            name = f"Adam, {n} parameters, {blocks} blocks, {'a' if ticket else 'no'} ticket"
            note(name, {"device_us": device, "GB_a_second": round(28 * n / device / 1e3)})


if __name__ == "__main__":
    main()

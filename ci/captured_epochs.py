"""A prototype: an epoch of a compiled fit on CuPy as captured CUDA graphs of 16 steps each.

    import captured_epochs; captured_epochs.install()

CuPy's own products refuse a stream that is being captured, so cuBLAS is called by ctypes, on a
handle of its own. A graph keeps the addresses of its arrays, so an epoch's arrays are written into
memory that is kept. It has never run on a GPU. On a stand-in for CuPy its results have the same
bits as those of steps that are launched one by one. It changes `xpnet.engines.cuda.runner`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xpnet.backends import cublas
from xpnet.engines.cuda import runner as cuda_runner
from xpnet.engines.cuda.program import Product
from xpnet.engines.cuda.source import LANES, WARPS

__all__ = ["install"]

STEPS = 16
"""Steps of a graph."""

WORKSPACE = 2**25
"""Bytes that cuBLAS may use, as NVIDIA recommends for this generation."""

_SCALARS = {"float32": ctypes.c_float, "float64": ctypes.c_double}
_FLOAT64 = cublas._COMPUTE_64F


def install() -> None:
    """Have every compiled fit on CuPy capture its steps, in this process."""
    runner: Any = cuda_runner  # the module whose classes are changed
    runner._Epoch = LastingEpoch
    runner._Steps._call = _call
    runner._Steps.captured = _captured
    runner.CudaRunner.run = _run


class Gemm:
    """Products on one stream by cuBLAS itself, which allows a capture."""

    def __init__(self, backend: Any) -> None:
        import cupy
        from cuda.pathfinder import load_nvidia_dynamic_lib
        from cupy_backends.cuda.libs import cublas as _loaded  # noqa: F401  CuPy's copy first

        library = load_nvidia_dynamic_lib("cublas")._handle_uint
        self._library = ctypes.CDLL("libcublas", handle=library)
        self._workspace = cupy.empty(WORKSPACE, np.uint8)
        self._handle = ctypes.c_void_p()
        self._do("cublasCreate_v2", ctypes.byref(self._handle))
        # in this order: setting the stream sets the workspace back
        self._do("cublasSetStream_v2", self._handle, ctypes.c_void_p(backend.stream.ptr))
        self._do(
            "cublasSetWorkspace_v2",
            self._handle,
            ctypes.c_void_p(self._workspace.data.ptr),
            ctypes.c_size_t(WORKSPACE),
        )

    def _do(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name} returned {status}")

    def product(self, a: Any, b: Any, out: Any, precision: str) -> Callable[[], None]:
        """Return the call that writes a b into ``out``, with its arguments prepared."""
        of_a, of_b, of_out = (cublas._operand(x) for x in (a, b, out))
        (m, k), n = a.shape, b.shape[1]
        name = str(a.dtype)
        scalar, kind = _SCALARS[name], ctypes.c_int(cublas._KINDS[name])
        compute = cublas.PRECISIONS[precision].compute if name == "float32" else _FLOAT64
        one, zero = scalar(1), scalar(0)
        integer, pointer = ctypes.c_int, ctypes.c_void_p
        arguments = (
            self._handle,
            *(integer(x) for x in (of_b.transposed, of_a.transposed, n, m, k)),  # column by column
            ctypes.byref(one),
            *(pointer(b.data.ptr), kind, integer(of_b.ld)),
            *(pointer(a.data.ptr), kind, integer(of_a.ld)),
            ctypes.byref(zero),
            *(pointer(out.data.ptr), kind, integer(of_out.ld)),
            integer(compute),
            integer(-1),  # cuBLAS chooses the algorithm
        )
        kept = a, b, out  # kept as long as a graph has their addresses

        def call() -> None:
            assert kept
            self._do("cublasGemmEx", *arguments)

        return call


def _call(self: Any, call: Any, n_examples: int) -> Callable[[], Any]:
    """Return a launch or a product of a step as a callable."""
    if isinstance(call, Product):
        if not hasattr(self._backend, "gemm"):
            self._backend.gemm = Gemm(self._backend)
        a, b, out = (self._matrix(x, n_examples) for x in (call.a, call.b, call.out))
        return self._backend.gemm.product(a, b, out, self._backend.precision)
    kernel, grid = self._functions[call.name].kernel, call.grid  # no look-up at each launch
    arguments = tuple(self._arrays[name] for name in call.arguments)
    return lambda: kernel(grid, (LANES, WARPS), arguments)


class LastingEpoch:
    """An epoch's orders and coefficients, in memory that the next epoch overwrites."""

    def __init__(self, backend: Any, order: Any, c: Sequence[Any]) -> None:
        self.arrays: dict[str, Any] = {}
        self.backend = backend
        self.renew(order, c)

    def renew(self, order: Any, c: Sequence[Any]) -> bool:
        """Take the next epoch's numbers; return whether any array had to be replaced."""
        self.order, self.c = order, c
        moved = False
        for name, new in self._numbers(order, c).items():
            old = self.arrays.get(name)
            if old is not None and old.shape == new.shape:
                old[...] = new
            else:
                self.arrays[name], moved = new.copy(), True
        return moved

    def _numbers(self, order: Any, c: Sequence[Any]) -> dict[str, Any]:
        found = {"starts": np.asarray(order.starts, np.int64), "totals": np.zeros(len(c))}
        for n in {len(row) for row in c}:
            table = [row if len(row) == n else (0.0,) * n for row in c]
            found[f"coefficients{n}"] = np.asarray(table, np.float64).reshape(len(c), n)
        numbers = {name: self.backend.from_numpy(x) for name, x in found.items()}
        return numbers if order.index is None else {**numbers, "order": order.index}


def _run(self: Any, order: Any, first: int, last: int, c: Sequence[Any], key: Any) -> list[Any]:
    """Run the steps first … last − 1: 16 at a time if they are alike, else one by one."""
    totals: list[Any] | None = self.run_plainly(order, first, last, c, key)
    if totals is not None:
        return totals
    _begin(self, order, c, key)
    if self._at != first:
        self._counter[...] = first
    s = first
    while s < last:
        n, steps = int(order.starts[s + 1] - order.starts[s]), self._steps[len(c[s])]
        if _alike(self, order, s, last, c) and steps.captured(self._epoch, n):
            s += STEPS
        else:
            steps.launch(self._epoch, n, s % len(self._lanes))
            s += 1
    self._at = last
    return [self._epoch.arrays["totals"][s] for s in range(first, last)]


def _begin(self: Any, order: Any, c: Sequence[Any], key: Any) -> None:
    """Copy a new epoch's numbers to the device; drop the graphs of arrays that moved."""
    if self._epoch is None:
        self._epoch = LastingEpoch(self._backend, order, c)
    elif self._epoch.order is order and self._epoch.c is c:
        return
    elif self._epoch.renew(order, c):
        for steps in self._steps.values():
            steps._epoch = None  # its views, calls and graphs are made again
            steps.graphs = {}
    self._at = -1
    if key is not None:
        self._key[...] = key


def _alike(self: Any, order: Any, s: int, last: int, c: Sequence[Any]) -> bool:
    """Whether the next 16 steps have one number of examples and of coefficients, and one lane."""
    if last - s < STEPS or len(self._lanes) > 1:
        return False
    n = int(order.starts[s + 1] - order.starts[s])
    same_batch = int(order.starts[s + STEPS] - order.starts[s]) == STEPS * n
    return same_batch and len({len(row) for row in c[s : s + STEPS]}) == 1


def _captured(self: Any, epoch: Any, n: int) -> bool:
    """Launch 16 steps as a graph; False before the first step, which loads cuBLAS's kernels."""
    if self._epoch is not epoch or (n, 0) not in self._calls:
        return False
    graphs, stream = self.__dict__.setdefault("graphs", {}), self._backend.stream
    if n not in graphs:
        stream.begin_capture()
        try:
            for _ in range(STEPS):
                for call in self._calls[n, 0]:
                    call()
        finally:
            graphs[n] = stream.end_capture()
    graphs[n].launch(stream)
    return True

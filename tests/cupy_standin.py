"""A stand-in for CuPy: its arrays are NumPy's, its kernels g++'s (tests/cuda_cases.py).

Inside a step it refuses what makes the host wait for a GPU: `.get()`, `float()`, `int()`, `bool()`
and `__array__`. It does not imitate: device memory and streams, order of launches on them, mixing
with NumPy arrays, CuPy's own kernels, out of memory, NVRTC's compiler and its options.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from tests import cuda_cases
from xpnet.backends import base
from xpnet.backends.cupy_backend import CupyBackend

inside = False  # a step
launches: list[str] = []  # kernels and products, since `step` began
sources: list[str] = []  # what was compiled
reads: list[str] = []  # what the host looked at, and waited for


class Array(np.ndarray):
    """An array that may not be looked at inside a step."""

    __module__ = "cupy"

    def get(self) -> Any:
        look("get")
        return np.array(self.view(np.ndarray))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        look("__array__")
        return np.ndarray.__array__(self, *args, **kwargs)

    def __float__(self) -> float:
        look("float")
        return float(self.view(np.ndarray)[()])

    def __int__(self) -> int:
        look("int")
        return int(self.view(np.ndarray)[()])

    def __bool__(self) -> bool:
        look("bool")
        return bool(self.view(np.ndarray)[()])

    def __getitem__(self, key: Any) -> Any:
        return wrapped(super().__getitem__(key))


def look(what: str) -> None:
    assert not inside, f"{what} inside a step"
    reads.append(what)


@contextmanager
def step() -> Any:
    """Within it, nothing may wait for the device."""
    global inside
    launches.clear()
    inside = True
    try:
        yield launches
    finally:
        inside = False


def wrapped(x: Any) -> Any:
    return np.asarray(x).view(Array) if isinstance(x, (np.ndarray, np.generic)) else x


class Functions:
    """NumPy's functions, on such arrays."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found) or name == "isdtype":
            return found

        def function(*args: Any, device: Any = None, **kwargs: Any) -> Any:
            if name == "matmul":
                launches.append(name)
            return wrapped(found(*args, **kwargs))

        return function


class RawModule:
    """Kernels of a source."""

    def __init__(self, code: str, options: tuple[str, ...]) -> None:
        assert options == ("--std=c++17",)
        sources.append(code)
        self._library = cuda_cases.compiled(code)

    def get_function(self, name: str) -> Any:
        def kernel(grid: Any, block: Any, arrays: Any) -> None:
            assert block == (32, 8)
            assert all(isinstance(x, Array) for x in arrays)
            launches.append(name)
            cuda_cases.launch(self._library, name, grid, arrays)

        return kernel


class Backend(CupyBackend):
    """CuPy's backend, on the stand-in; what it imports as `cupy` is this module, in tests.

    Device, streams and memory are left out: tests/fake_cupy.py has those, and no kernels.
    """

    def __init__(self) -> None:
        base.Backend.__init__(self, Functions(), nullcontext())
        self.precision = "float32"

    def context(self) -> Any:
        return nullcontext()

    def from_numpy(self, x: Any) -> Any:
        return wrapped(np.array(x, order="C", copy=True))

    def free_memory(self) -> None:
        return None

    def device_name(self) -> str:
        return "cuda:0"

    def is_here(self, x: Any) -> bool:
        return True

    def wait(self, x: Any) -> None:
        look("wait")

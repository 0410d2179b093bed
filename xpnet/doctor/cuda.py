"""CUDA: the driver, what CuPy finds, and what is missing."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

from xpnet.backends import BackendInfo
from xpnet.undisturbed import imported

__all__ = ["Cuda", "Gpu", "describe_cuda", "missing_extra"]


@dataclass(frozen=True)
class Gpu:
    """A device: its name, and its memory in bytes."""

    name: str
    memory: int
    free: int


@dataclass(frozen=True)
class Cuda:
    """The newest CUDA version that the driver runs, and the devices that CuPy finds."""

    driver: str | None
    cupy: str | None
    devices: tuple[Gpu, ...]
    reason: str | None  # why there are none


def describe_cuda(cupy: BackendInfo) -> Cuda:
    """CUDA as it is here, from the row of `available_backends` for CuPy."""
    devices = _devices() if cupy.usable else ()
    return Cuda(_driver(), cupy.version, devices, cupy.reason)


def missing_extra(cuda: Cuda) -> str | None:
    """The extra whose CuPy fits the driver; None where CuPy is there, or no driver."""
    if cuda.driver is None or cuda.cupy is not None:
        return None
    return "cuda13" if int(cuda.driver.partition(".")[0]) >= 13 else "cuda12"


def _driver() -> str | None:
    """Asked of the driver's own library: CuPy may be absent."""
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        version = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(version)):
            return None
    except (OSError, AttributeError):
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _devices() -> tuple[Gpu, ...]:
    cupy = imported("cupy")
    runtime: Any = cupy.cuda.runtime
    found = []
    for index in range(runtime.getDeviceCount()):
        name = runtime.getDeviceProperties(index)["name"].decode()
        free, memory = cupy.cuda.Device(index).mem_info
        found.append(Gpu(name, memory, free))
    return tuple(found)

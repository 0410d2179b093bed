"""Describe CUDA: the driver, the devices that CuPy finds, and the extra that is missing."""

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
    """A device: its name, and its total and free memory in bytes."""

    name: str
    memory: int
    free: int


@dataclass(frozen=True)
class Cuda:
    """The newest CUDA version that the driver runs, CuPy's version, and the devices it finds."""

    driver: str | None
    cupy: str | None
    devices: tuple[Gpu, ...]
    reason: str | None  # why there are no devices


def describe_cuda(cupy: BackendInfo) -> Cuda:
    """Describe CUDA on this machine, given CuPy's row of `available_backends`."""
    devices = _devices() if cupy.usable else ()
    return Cuda(_driver(), cupy.version, devices, cupy.reason)


def missing_extra(cuda: Cuda) -> str | None:
    """Return the extra whose CuPy fits the driver; None if CuPy is installed or no driver is."""
    if cuda.driver is None or cuda.cupy is not None:
        return None
    return "cuda13" if int(cuda.driver.partition(".")[0]) >= 13 else "cuda12"


def _driver() -> str | None:
    """Ask the driver's own library for its newest CUDA version, as CuPy may be absent."""
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

"""Which CUDA devices CuPy finds, and whether one can compute as it was asked to."""

from __future__ import annotations

from typing import Any

from xpnet.backends import cublas
from xpnet.backends.cublas import PRECISIONS
from xpnet.errors import look_up

__all__ = [
    "OPTIONS",
    "check_toolkit",
    "device_of",
    "devices",
    "devices_or_why",
    "lacks_memory",
    "precision_of",
]

OPTIONS = ("--std=c++17",)
"""What CUDA's compiler is told for every kernel."""

_PROBE = 'extern "C" __global__ void probe() {}'

_NO_MEMORY = {"CUDARuntimeError": 2, "CUDADriverError": 2, "CUBLASError": 3}
"""The status with which each of CUDA's libraries reports that no memory is left."""


def devices() -> list[str]:
    """Return the names of the CUDA devices that answer, "cuda:0" first."""
    return devices_or_why()[0]


def devices_or_why() -> tuple[list[str], str]:
    """Return the devices, and CUDA's message if there are none."""
    import cupy

    try:
        n = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return [], f" ({error})"
    return [f"cuda:{i}" for i in range(n)], ""


def check_toolkit(cupy: Any, device: Any) -> None:
    """Check that CUDA's compiler, its headers and cuBLAS are installed; CuPy does not bring them.

    Raises
    ------
    MemoryError
        The device has no memory left.
    RuntimeError
        One of them is missing or fails.
    """
    try:
        from cupy_backends.cuda.libs import cublas as _  # noqa: F401

        cublas.library()
        with device:
            cupy.RawModule(code=_PROBE, options=OPTIONS).get_function("probe")
    except Exception as error:  # an error of NVRTC or the driver, a missing library or header
        if lacks_memory(error):
            raise MemoryError(
                f"cuda:{device.id} has no free memory: see in nvidia-smi what else runs there, "
                "or use a different device"
            ) from error
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RuntimeError(
            f"cupy {cupy.__version__} finds cuda:{device.id}, but cannot compute there "
            f'({what}): pip install "xpnet[cuda12]" (or "xpnet[cuda13]" for CUDA 13) installs '
            'CUDA\'s compiler, headers and cuBLAS; or use backend="numpy"'
        ) from error


def device_of(cupy: Any, device: Any, found: list[str]) -> Any:
    """Return the device object."""
    if device is None:
        return cupy.cuda.Device()
    if isinstance(device, cupy.cuda.Device):
        return device
    number = str(device).removeprefix("cuda").removeprefix(":") or "0"
    if f"cuda:{number}" not in found:
        raise RuntimeError(f"device {device!r} is not available: CuPy finds {', '.join(found)}")
    return cupy.cuda.Device(int(number))


def precision_of(device: Any, name: str | None) -> str:
    """Return the precision of that name; raise RuntimeError if the device is too old for it."""
    name = name or "float32"
    wanted = look_up("precision", name, PRECISIONS).capability
    has = int(device.compute_capability)
    if has < wanted:
        raise RuntimeError(
            f"precision {name!r} needs a card of compute capability {wanted / 10} or more, but "
            f"cuda:{device.id} has {has / 10}: leave precision out"
            + (', or use "float16"' if has >= PRECISIONS["float16"].capability else "")
        )
    return name


def lacks_memory(error: Exception) -> bool:
    """Whether the error says that CuPy's pool, CUDA, its driver or cuBLAS ran out of memory."""
    name = type(error).__name__
    status = getattr(error, "status", None)
    return name == "OutOfMemoryError" or bool(status and status == _NO_MEMORY.get(name))

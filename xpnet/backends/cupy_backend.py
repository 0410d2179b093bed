"""CuPy: NVIDIA GPUs, by its array-api-compat namespace."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from xpnet.backends.base import Backend, library_of, native_copy

__all__ = ["CupyBackend", "create", "devices", "to_numpy"]


def to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """The array on the host; waits for the device."""
    host: np.ndarray[Any, Any] = x.get()
    return host


class CupyBackend(Backend):
    """Arrays in the memory of one CUDA device.

    The namespace ignores ``device=`` where it creates arrays, so everything that does runs within
    ``context()``.
    """

    name = "cupy"
    packages = ("cupy",)
    in_place = True

    def from_numpy(self, x: np.ndarray[Any, Any]) -> Any:
        """A copy on the device."""
        with self.device:
            return self.xp.asarray(native_copy(x))

    def from_device(self, x: Any) -> Any | None:
        """An array of another GPU, or a torch or JAX array on a GPU, by DLPack."""
        if self.owns(x):
            with self.device:
                return self.xp.asarray(x, copy=True)
        if library_of(x) == "torch" and x.device.type == "cuda":
            x = x.detach().contiguous()
        elif library_of(x) not in ("jax", "jaxlib") or any(
            d.platform != "gpu" for d in x.devices()
        ):
            return None
        with self.device:
            return self.xp.asarray(self.xp.from_dlpack(x), copy=True, order="C")

    to_numpy = staticmethod(to_numpy)

    def device_name(self) -> Any:
        """What `get_backend` takes for this device."""
        return f"cuda:{self.device.id}"

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        """The product a b, into ``out`` where it is given.

        Two-dimensional transposes go to cuBLAS as they are; for a stack CuPy would copy them, so
        its products are taken one network at a time.
        """
        if a.ndim == b.ndim == 2:
            return self.xp.matmul(a, b, out=out)
        return self._stacked(a, b, out)

    def _stacked(self, a: Any, b: Any, out: Any) -> Any:
        lead = a.shape[:-2] if a.ndim > 2 else b.shape[:-2]
        if out is None:
            out = self.xp.empty((*lead, a.shape[-2], b.shape[-1]), dtype=a.dtype)
        for r in np.ndindex(*lead):
            self.xp.matmul(a[r] if a.ndim > 2 else a, b[r] if b.ndim > 2 else b, out=out[r])
        return out

    def kernels(self, source: str) -> Any:
        """The compiled kernels of a CUDA C++ source; CuPy keeps them on disk between runs."""
        import cupy

        return cupy.RawModule(code=source, options=("--std=c++17",))

    def wait(self, x: Any) -> None:
        """CUDA returns before it has computed."""
        self.device.synchronize()

    def context(self) -> AbstractContextManager[Any]:
        """New arrays on this device."""
        device: AbstractContextManager[Any] = self.device
        return device


def devices() -> list[str]:
    """The devices of this library: the numbers of the CUDA devices that answer."""
    import cupy

    try:
        return [f"cuda:{i}" for i in range(cupy.cuda.runtime.getDeviceCount())]
    except cupy.cuda.runtime.CUDARuntimeError:
        return []


def create(device: Any) -> Backend:
    """The backend on a CUDA device: None (the current one), its index, or "cuda:1"."""
    import cupy
    from array_api_compat import cupy as xp

    found = devices()
    if not found:
        raise RuntimeError(
            f"cupy {cupy.__version__} is installed, but no CUDA device answers: check nvidia-smi "
            'and the driver, or use backend="numpy"'
        )
    if device is None:
        return CupyBackend(xp, cupy.cuda.Device())
    if isinstance(device, cupy.cuda.Device):
        return CupyBackend(xp, device)
    number = str(device).removeprefix("cuda").removeprefix(":") or "0"
    if f"cuda:{number}" not in found:
        raise RuntimeError(f"device {device!r}: CuPy finds {', '.join(found)}")
    return CupyBackend(xp, cupy.cuda.Device(int(number)))

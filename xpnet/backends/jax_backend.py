"""JAX: immutable arrays, and the whole step compiled by ``jax.jit``."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np

from xpnet.backends.base import Backend, library_of, native_copy
from xpnet.backends.tracked import refuse_tracked
from xpnet.errors import quoted
from xpnet.typing import Array, Host

__all__ = ["JaxBackend", "create", "devices", "is_on_host", "to_numpy"]


def to_numpy(x: Array) -> Host:
    """Return the array on the host, as a view or a copy; raise TypeError for a tracer."""
    refuse_tracked(x)
    return np.asarray(x)


class JaxBackend(Backend):
    """JAX arrays on one device."""

    name = "jax"
    packages = ("jax", "jaxlib")
    compiled_as = "jit"
    float64_is_global = True

    @property
    def index_dtype(self) -> str:  # type: ignore[override]
        """int64 if JAX's 64-bit mode is on, else int32."""
        import jax

        return "int64" if jax.config.jax_enable_x64 else "int32"

    def dtype(self, name: object) -> Any:
        """Return the dtype of that name; float64 turns on JAX's 64-bit mode, process-wide."""
        if name == "float64":
            import jax

            jax.config.update("jax_enable_x64", True)
        return super().dtype(name)

    def is_here(self, x: Array) -> bool:
        """Whether x lies on this device only."""
        return bool(x.devices() == {self.device})

    def from_numpy(self, x: Host) -> Any:
        """Return a copy on the device."""
        import jax

        if x.dtype.kind in "iu" and x.dtype.itemsize == 8 and not jax.config.jax_enable_x64:
            _check_fits_32_bits(x)
        return jax.device_put(native_copy(x), self.device)

    def constants(self, numbers: tuple[float, ...], dtype: Any, n_axes: int) -> Any:
        """Return numbers as an array; within `jax.jit` it is part of the compiled code."""
        found = self.xp.asarray(numbers, dtype=dtype)  # a tracer there, so none is kept
        return found.reshape(-1, *(1,) * (n_axes - 1))

    def from_device(self, x: Any) -> Any | None:
        """Move an array from another device, or copy a CuPy or torch array on a GPU by DLPack.

        JAX accepts only C-ordered arrays by DLPack.
        """
        import jax

        if self.owns(x):
            return jax.device_put(x, self.device)
        if self.device.platform != "gpu" or library_of(x) not in ("cupy", "torch"):
            return None
        if library_of(x) == "torch" and x.device.type != "cuda":
            return None
        ordered = x.detach().contiguous() if library_of(x) == "torch" else x.copy(order="C")
        return jax.device_put(self.xp.from_dlpack(ordered, copy=True), self.device)

    to_numpy = staticmethod(to_numpy)

    def device_name(self) -> Any:
        """Return the name by which `get_backend` finds this device."""
        return f"{self.device.platform}:{self.device.id}"

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Any:
        """Return the product a b in full precision; on a GPU, JAX's default is TF32 (10 bits)."""
        return self.xp.matmul(a, b, precision="highest")

    def compile(self, function: Callable[..., Any], static: int) -> Callable[..., Any]:
        """Return ``function`` compiled by ``jax.jit``, which reuses the buffers of the state."""
        return _jit(function, static)

    def wait(self, x: Array) -> None:
        """Wait for the arrays; JAX returns before it has computed."""
        import jax

        jax.block_until_ready(x)

    def machine(self) -> dict[str, str]:
        """Return the cores on the host, which are JAX's threads there, or the model of a GPU."""
        if self.device.platform != "cpu":
            return {"gpu": str(self.device.device_kind)}
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        return {"threads": str(len(cores) if cores else os.cpu_count())}

    def context(self) -> AbstractContextManager[Any]:
        """Return a context in which new arrays are made on this device."""
        import jax

        device: AbstractContextManager[Any] = jax.default_device(self.device)
        return device


def _check_fits_32_bits(x: Host) -> None:
    """Refuse integers that JAX, without its 64-bit mode, would reduce modulo 2³²."""
    limits = np.iinfo(np.int32 if x.dtype.kind == "i" else np.uint32)
    if x.size and not limits.min <= int(x.min()) <= int(x.max()) <= limits.max:
        raise ValueError(
            f"integers from {x.min()} to {x.max()} need JAX's 64-bit mode: turn it on with "
            'jax.config.update("jax_enable_x64", True), or make a float64 network'
        )


@lru_cache(maxsize=8)  # each fit with a user's functions has its own function object
def _jit(function: Callable[..., Any], static: int) -> Callable[..., Any]:
    import jax

    compiled: Callable[..., Any] = jax.jit(
        function, static_argnums=tuple(range(static)), donate_argnums=(static,)
    )
    return compiled


def is_on_host(x: Any) -> bool:
    """Whether the array lies in host memory."""
    return all(device.platform == "cpu" for device in x.devices())


def devices() -> list[str]:
    """Return the names of this library's devices."""
    import jax

    return [f"{device.platform}:{device.id}" for device in jax.devices()]


def create(device: Any) -> Backend:
    """Return the backend on a JAX device: None (the first), "cpu", "gpu:0", an index or object."""
    import jax
    import jax.numpy as xp

    if device is None:
        return JaxBackend(xp, jax.devices()[0])
    if isinstance(device, jax.Device):
        return JaxBackend(xp, device)
    platform, _, index = str(device).rpartition(":") if ":" in str(device) else (device, "", 0)
    if isinstance(device, int):
        platform, index = None, device
    try:
        return JaxBackend(xp, jax.devices(platform)[int(index)])
    except (RuntimeError, IndexError, ValueError) as error:
        raise RuntimeError(
            f"device {quoted(device)} is not available: JAX has {', '.join(devices())}"
        ) from error

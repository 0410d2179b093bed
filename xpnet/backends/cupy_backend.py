"""CuPy on NVIDIA GPUs, by its array-api-compat namespace, on a stream of the network's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from xpnet.backends.base import Backend, library_of
from xpnet.backends.cublas import Gemm, fix_workspaces
from xpnet.backends.cupy_devices import (
    OPTIONS,
    check_toolkit,
    device_of,
    devices,
    devices_or_why,
    lacks_memory,
    precision_of,
)
from xpnet.typing import Array, Host, Namespace

__all__ = ["CupyBackend", "create", "devices", "is_on_host", "to_numpy"]

_PIECE = 2**26
"""Most bytes copied to a device at once; CuPy pins and keeps a host buffer of up to twice that."""

_FORKED = (
    "CUDA cannot be used in a fork of the process that used it first: begin the process by "
    'multiprocessing\'s "spawn", or open backend "cupy" only after the fork'
)


def to_numpy(x: Array) -> Host:
    """Return the array on the host, after waiting for the device."""
    with x.device:  # `get` uses the current device's stream, even if x lies elsewhere
        host: Host = x.get()
    return host


class CupyBackend(Backend):
    """Arrays in the memory of one CUDA device, computed on one stream.

    The namespace ignores ``device=`` when it creates arrays, and launches on the current stream. So
    everything that creates arrays or launches work runs within ``context()``.

    Attributes
    ----------
    stream : cupy.cuda.Stream
        A non-blocking stream; its work runs in order.
    precision : str
        The format to which the factors of float32 products are rounded.
    deterministic : bool
        Whether cuBLAS was asked for the same bits even on several streams.
    kept : dict
        What a fit keeps on the device for the next one (`xpnet.engines.cuda.parts`).
    """

    name = "cupy"
    packages = ("cupy",)
    in_place = True
    compiled_as = "kernels"
    is_asynchronous = True

    def __init__(
        self, xp: Namespace, device: Any, precision: str = "float32", deterministic: bool = False
    ) -> None:
        import cupy

        super().__init__(xp, device)
        self.precision, self.deterministic = precision, deterministic
        self._cuda = cupy.cuda
        self._gemm: Gemm | None = None
        self._process = os.getpid()
        self.kept: dict[Any, Any] = {}
        with device:
            self.stream = cupy.cuda.Stream(non_blocking=True)

    def __repr__(self) -> str:
        more = "" if self.precision == "float32" else f", precision={self.precision!r}"
        more += ", deterministic=True" if self.deterministic else ""
        return f"Backend({self.name!r}, device={str(self.device)!r}{more})"

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self.settings() == other.settings()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((super().__hash__(), self.settings()))

    def settings(self) -> tuple[Any, ...]:
        """Return the arguments of `get_backend` after the device."""
        return self.precision, self.deterministic

    def from_numpy(self, x: Host) -> Any:
        """Return a copy on the device; a large array is copied piece by piece."""
        with self.context():
            if x.nbytes <= _PIECE:
                return self.xp.asarray(_as_copied(x))
            there = self.xp.empty(x.shape, dtype=x.dtype.newbyteorder("="))
            rows = max(1, _PIECE * len(x) // x.nbytes)
            for i in range(0, len(x), rows):
                there[i : i + rows] = self.xp.asarray(_as_copied(x[i : i + rows]))
            return there

    def from_device(self, x: Any) -> Any | None:
        """Return a copy of another GPU's array, or by DLPack of a torch or JAX array on a GPU."""
        x = x if self.owns(x) else self._borrowed(x)
        return None if x is None else self._brought(x)

    def _borrowed(self, x: Any) -> Any | None:
        """Return a torch or JAX array as a CuPy array in the same memory; None if not on a GPU.

        CuPy's current stream on that device waits for the work of torch or JAX on the array. The
        array keeps its strides: torch could reuse the memory of a copy before CuPy has read it.
        """
        if library_of(x) == "torch" and x.device.type == "cuda":
            return self.xp.from_dlpack(x.detach())
        if library_of(x) not in ("jax", "jaxlib") or any(d.platform != "gpu" for d in x.devices()):
            return None
        return self.xp.from_dlpack(x)

    def _brought(self, x: Any) -> Any:
        """Return a copy in C order on this device.

        The copy waits for the earlier work of x's device, and later work there waits for the copy.
        """
        with x.device:
            theirs = self._cuda.get_current_stream()
            if x.device != self.device:
                x = self.xp.asarray(x, order="C")  # between devices CuPy copies only gapless arrays
            ready = self._recorded(theirs)
        with self.context():
            self.stream.wait_event(ready)
            copy = self.xp.asarray(x, copy=True, order="C")
            done = self._recorded(self.stream)
        with x.device:
            theirs.wait_event(done)
        return copy

    to_numpy = staticmethod(to_numpy)

    def device_name(self) -> Any:
        """Return the name by which `get_backend` finds this device."""
        return f"cuda:{self.device.id}"

    @property
    def gemm(self) -> Gemm:
        """Products by a handle of cuBLAS for this stream, made at the first use in the context."""
        if self._gemm is None:
            self._gemm = Gemm(self.xp, self.stream)
        return self._gemm

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Any:
        """Return the product a b, written into ``out`` if that is given; no operand is copied.

        CuPy multiplies what cuBLAS does not take, such as integers and matrices with gaps.
        """
        with self.context():  # cuBLAS computes on this stream, whatever the current one is
            found = self.gemm.product(a, b, out, self.precision)
            if found is not None:
                return found
            if a.ndim == b.ndim == 2:
                return self.xp.matmul(a, b, out=out)
            return self._stacked(a, b, out)

    def _stacked(self, a: Array, b: Array, out: Array) -> Any:
        """Multiply one network after the other, for stacks that cuBLAS does not accept."""
        lead = a.shape[:-2] if a.ndim > 2 else b.shape[:-2]
        if out is None:
            out = self.xp.empty((*lead, a.shape[-2], b.shape[-1]), dtype=a.dtype)
        for r in np.ndindex(*lead):
            self.xp.matmul(a[r] if a.ndim > 2 else a, b[r] if b.ndim > 2 else b, out=out[r])
        return out

    def kernels(self, source: str) -> Any:
        """Return the compiled kernels of a CUDA C++ source; CuPy caches them on disk."""
        import cupy

        return cupy.RawModule(code=source, options=OPTIONS)

    def machine(self) -> dict[str, str]:
        """Return the model of the GPU, and how its products are computed."""
        name = self._cuda.runtime.getDeviceProperties(self.device.id)["name"]
        deterministic = ", deterministic" if self.deterministic else ""
        return {"gpu": name.decode(), "precision": f"{self.precision}{deterministic}"}

    def free_memory(self) -> int:
        """Return the device's free bytes, including those that CuPy holds but does not use."""
        import cupy

        with self.device:
            return int(self.device.mem_info[0] + cupy.get_default_memory_pool().free_bytes())

    def lanes(self, templates: Sequence[tuple[tuple[int, ...], Any]]) -> list[Any]:
        """Return two lanes to the device, with pinned memory and a stream of their own."""
        from xpnet.backends.cupy_lanes import lanes

        with self.context():
            return list(lanes(self, templates))

    def wait(self, x: Array) -> None:
        """Wait for the stream; CUDA returns before it has computed."""
        self.stream.synchronize()

    def context(self) -> AbstractContextManager[Any]:
        """Return a context in which arrays are made on this device and work runs on this stream.

        The context's work begins when the earlier work of the caller's streams is done. What the
        caller launches afterwards begins when the context's work is done. The host does not wait.
        """
        if os.getpid() != self._process:
            raise RuntimeError(_FORKED)
        with self.device:
            if self._cuda.get_current_stream() == self.stream:
                return self.device  # type: ignore[no-any-return]
        return self._entered()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        outside, device = self._cuda.get_current_stream(), self._cuda.Device()
        before = self._recorded(outside)
        with self.device, self._out_of_memory():
            inside = self._cuda.get_current_stream()
            for done in (before, self._recorded(inside)):
                self.stream.wait_event(done)
            self.stream.use()  # after `with self.stream`, CuPy forgets a stream in use before
            try:
                yield
            finally:
                inside.use()
                done = self._recorded(self.stream)
                inside.wait_event(done)
        if device != self.device:
            with device:
                outside.wait_event(done)

    def _recorded(self, stream: Any) -> Any:
        """Return an event after the work so far of a stream of the current device."""
        event = self._cuda.Event(disable_timing=True)
        event.record(stream)
        return event

    @contextmanager
    def _out_of_memory(self) -> Iterator[None]:
        """Turn CUDA's errors into one that names the bytes requested, those free and a remedy."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
            total = self.device.mem_info[1]
            asked = getattr(error, "_size", None)
            words = "" if asked is None else f" {asked:,} bytes were requested;"
            free = f"{self.free_memory():,} of {total:,} are free"
            raise MemoryError(
                f"{self.device_name()} is out of memory:{words} {free}. Use a smaller "
                "batch_size, or keep the data in host memory: fit(stream=True) copies it batch "
                "by batch"
            ) from error


def _as_copied(x: Host) -> Host:
    """Return x in native byte order and C order, which CuPy copies to pinned memory at once."""
    return np.asarray(x, dtype=x.dtype.newbyteorder("="), order="C")


def is_on_host(x: Any) -> bool:
    """Return False: every array of CuPy lies on a GPU."""
    return False


def create(device: Any, precision: str | None = None, deterministic: bool | None = None) -> Backend:
    """Return the backend on a CUDA device: None (the current), an index, "cuda:1" or the object."""
    import cupy
    from array_api_compat import cupy as xp

    found, why = devices_or_why()
    if not found:
        raise RuntimeError(
            f"cupy {cupy.__version__} is installed, but no CUDA device answers{why}: check "
            "nvidia-smi; a driver that is too old for this CuPy's CUDA needs an update, or pip "
            'install "xpnet[cuda12]" instead of "xpnet[cuda13]"; or use backend="numpy"'
        )
    chosen = device_of(cupy, device, found)
    precision = precision_of(chosen, precision)
    if deterministic:
        fix_workspaces()
    check_toolkit(cupy, chosen)
    return CupyBackend(xp, chosen, precision, bool(deterministic))

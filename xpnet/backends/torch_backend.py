"""PyTorch, by its array-api-compat namespace."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from xpnet.backends.base import Backend, library_of
from xpnet.backends.tracked import NoTape, refuse_tracked
from xpnet.errors import quoted
from xpnet.typing import Array, Host, Namespace

__all__ = ["TorchBackend", "create", "devices", "is_on_host", "to_numpy"]


def to_numpy(x: Array) -> Host:
    """Return the tensor on the host; raise TypeError if torch tracks its derivative."""
    refuse_tracked(x)
    if str(x.dtype) == "torch.bfloat16":  # NumPy has no bfloat16
        x = x.float()
    host: Host = x.detach().cpu().resolve_conj().resolve_neg().numpy()
    return host


class _Namespace:
    """The namespace of array-api-compat, except for numbers in ``maximum`` and ``minimum``.

    array-api-compat makes a tensor of a number on the device, by a copy from the host that waits
    for a GPU. torch.clamp takes the number itself, and passes on NaN too.
    """

    def __init__(self, xp: Namespace) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._xp, name)
        setattr(self, name, value)
        return value

    def maximum(self, a: Array, b: Array) -> Any:
        """Return the larger of each pair."""
        return self.clamp(a, min=b) if isinstance(b, (int, float)) else self._xp.maximum(a, b)

    def minimum(self, a: Array, b: Array) -> Any:
        """Return the smaller of each pair."""
        return self.clamp(a, max=b) if isinstance(b, (int, float)) else self._xp.minimum(a, b)


class TorchBackend(Backend):
    """Tensors without gradients by torch, on a CPU or a GPU."""

    name = "torch"
    packages = ("torch",)
    in_place = True

    def from_device(self, x: Any) -> Any | None:
        """Move a tensor from another device, or copy a CuPy or JAX array on a GPU by DLPack."""
        if self.owns(x):
            return x.detach().to(self.device)
        if self.device.type != "cuda" or library_of(x) not in ("cupy", "jax", "jaxlib"):
            return None
        if library_of(x) == "cupy":
            x = x.copy(order="C")  # a negative stride crashes the process in torch
            return self.xp.from_dlpack(x).to(self.device)
        if any(d.platform != "gpu" for d in x.devices()):
            return None
        return self.xp.from_dlpack(x).to(self.device, copy=True)

    to_numpy = staticmethod(to_numpy)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Any:
        """Return the product a b, written into ``out`` if that is given."""
        return self.xp.matmul(a, b, out=out)

    def wait(self, x: Array) -> None:
        """Wait for the device; CUDA returns before it has computed."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def machine(self) -> dict[str, str]:
        """Return the number of threads on the host, the model of a GPU."""
        import torch

        if self.device.type == "cuda":
            return {"gpu": torch.cuda.get_device_name(self.device)}
        return {"threads": str(torch.get_num_threads())}

    def context(self) -> AbstractContextManager[Any]:
        """Return a context without torch's tape: xpnet has equations for derivatives."""
        return NoTape()


def is_on_host(x: Any) -> bool:
    """Whether the tensor lies in host memory."""
    return str(x.device) == "cpu"


def devices() -> list[str]:
    """Return the names of this library's devices."""
    import torch

    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def create(device: Any) -> Backend:
    """Return the backend on a torch device: None (torch's default), its name or a CUDA index."""
    import torch
    from array_api_compat import torch as xp

    if device is None:
        chosen = torch.get_default_device()
    else:
        try:
            chosen = torch.device(f"cuda:{device}" if isinstance(device, int) else device)
        except (RuntimeError, TypeError) as error:
            raise ValueError(_no_device(torch, device)) from error
    if chosen.type == "cuda":
        if (chosen.index or 0) >= torch.cuda.device_count():
            raise RuntimeError(_no_device(torch, device))
        if chosen.index is None:
            chosen = torch.device("cuda", torch.cuda.current_device())
    return TorchBackend(_Namespace(xp), chosen)


def _no_device(torch: Any, device: object) -> str:
    """Return the message for a device that torch does not have."""
    known = ", ".join(devices())
    return f"device {quoted(device)} is not available: torch {torch.__version__} has {known}"

"""PyTorch, by its array-api-compat namespace."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from xpnet.backends.base import Backend, library_of
from xpnet.backends.tracked import NoTape, refuse_tracked
from xpnet.errors import quoted

__all__ = ["TorchBackend", "create", "devices", "to_numpy"]


def to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """The tensor on the host; TypeError for one whose derivative torch follows."""
    refuse_tracked(x)
    if str(x.dtype) == "torch.bfloat16":  # NumPy has none
        x = x.float()
    host: np.ndarray[Any, Any] = x.detach().cpu().resolve_conj().resolve_neg().numpy()
    return host


class _Namespace:
    """array-api-compat's, but for numbers in ``maximum`` and ``minimum``.

    It makes a tensor of them on the device, a copy from the host that waits for a GPU; torch.clamp
    takes them as they are, and passes NaN on too.
    """

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._xp, name)
        setattr(self, name, value)
        return value

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger of each two."""
        return self.clamp(a, min=b) if isinstance(b, (int, float)) else self._xp.maximum(a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller of each two."""
        return self.clamp(a, max=b) if isinstance(b, (int, float)) else self._xp.minimum(a, b)


class TorchBackend(Backend):
    """Tensors without gradients of their own, on a CPU or a GPU."""

    name = "torch"
    packages = ("torch",)
    in_place = True

    def from_device(self, x: Any) -> Any | None:
        """A tensor of another device, or a CuPy or JAX array on a GPU, by DLPack."""
        if self.owns(x):
            return x.detach().to(self.device)
        if self.device.type != "cuda" or library_of(x) not in ("cupy", "jax", "jaxlib"):
            return None
        if library_of(x) == "cupy":
            x = x.copy(order="C")  # torch ends the process at a negative stride
            return self.xp.from_dlpack(x).to(self.device)
        if any(d.platform != "gpu" for d in x.devices()):
            return None
        return self.xp.from_dlpack(x).to(self.device, copy=True)

    to_numpy = staticmethod(to_numpy)

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        """The product a b, into ``out`` where it is given."""
        return self.xp.matmul(a, b, out=out)

    def wait(self, x: Any) -> None:
        """CUDA returns before it has computed."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def context(self) -> AbstractContextManager[Any]:
        """No tape: the derivatives are the equations."""
        return NoTape()


def devices() -> list[str]:
    """The devices of this library."""
    import torch

    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def create(device: Any) -> Backend:
    """The backend on a torch device: None (torch's default), its name or its CUDA index."""
    import torch
    from array_api_compat import torch as xp

    if device is None:
        chosen = torch.get_default_device()
    else:
        try:
            chosen = torch.device(f"cuda:{device}" if isinstance(device, int) else device)
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"device {quoted(device)}: torch {torch.__version__} has {', '.join(devices())}"
            ) from error
    if chosen.type == "cuda":
        if (chosen.index or 0) >= torch.cuda.device_count():
            raise RuntimeError(
                f"device {quoted(device)}: torch {torch.__version__} has {', '.join(devices())}"
            )
        if chosen.index is None:
            chosen = torch.device("cuda", torch.cuda.current_device())
    return TorchBackend(_Namespace(xp), chosen)

"""PyTorch, by its array-api-compat namespace."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from xpnet.backends.base import Backend, library_of

__all__ = ["TorchBackend", "create", "devices", "to_numpy"]


def to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """The tensor on the host."""
    if str(x.dtype) == "torch.bfloat16":  # NumPy has none
        x = x.float()
    host: np.ndarray[Any, Any] = x.detach().cpu().resolve_conj().resolve_neg().numpy()
    return host


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
        return self.xp.from_dlpack(x).to(self.device, copy=True)

    to_numpy = staticmethod(to_numpy)

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        """The product a b, into ``out`` where it is given."""
        return self.xp.matmul(a, b, out=out)

    def context(self) -> AbstractContextManager[Any]:
        """No tape: the derivatives are the equations."""
        import torch

        mode: AbstractContextManager[Any] = torch.no_grad()
        return mode


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
                f"device {device!r}: torch {torch.__version__} has {', '.join(devices())}"
            ) from error
    if chosen.type == "cuda":
        if (chosen.index or 0) >= torch.cuda.device_count():
            raise RuntimeError(
                f"device {device!r}: torch {torch.__version__} has {', '.join(devices())}"
            )
        if chosen.index is None:
            chosen = torch.device("cuda", torch.cuda.current_device())
    return TorchBackend(xp, chosen)

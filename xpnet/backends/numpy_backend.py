"""NumPy: its own namespace, which follows the standard since 2.2, and products with ``out=``."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.backends.base import Backend
from xpnet.errors import quoted
from xpnet.typing import Array, Host

__all__ = ["NumpyBackend", "create", "devices", "is_on_host", "to_numpy"]


def to_numpy(x: Array) -> Host:
    """Return x as a NumPy array; a NumPy array is returned itself."""
    return np.asarray(x)


class NumpyBackend(Backend):
    """Arrays in host memory."""

    name = "numpy"
    packages = ("numpy",)
    in_place = True
    compiled_as = "loops"
    uses_openblas = True
    rows_in_cache = 1024

    def owns(self, x: Any) -> bool:
        """Whether x is a plain array or a memory map; matrices and scalars are copied instead."""
        return type(x) in (np.ndarray, np.memmap)

    def has(self, x: Any, dtype: str) -> bool:
        """Whether x is a plain array of that dtype."""
        return type(x) is np.ndarray and x.dtype == dtype

    to_numpy = staticmethod(to_numpy)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Any:
        """Return the product a b, written into ``out`` if that is given."""
        return np.matmul(a, b, out=out)

    def take(self, x: Array, index: Array) -> Any:
        """Return the rows x[index]; "clip" skips the range check, two to three times as fast."""
        return x.take(index, axis=0, mode="clip")


def is_on_host(x: Any) -> bool:
    """Return True: every array of NumPy lies in host memory."""
    return True


def devices() -> list[str]:
    """Return the names of this library's devices."""
    return ["cpu"]


def create(device: Any) -> Backend:
    """Return the backend on the named device: None or "cpu"."""
    if device is not None and (not isinstance(device, str) or device != "cpu"):
        raise ValueError(
            f'backend "numpy" has only the device "cpu", not {quoted(device)}; for a GPU use '
            'backend="cupy"'
        )
    return NumpyBackend(np, "cpu")

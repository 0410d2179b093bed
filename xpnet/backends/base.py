"""What the rest of the package asks of an array library: one small class, in Array API terms.

A library's own file overrides what it does better or otherwise: moving arrays in and out, the seam
for products, and whether arrays can be written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from xpnet.backends.lanes import Lane
from xpnet.errors import quoted

__all__ = ["DTYPES", "Backend", "library_of", "native_copy"]

DTYPES = ("float32", "float64")


def library_of(x: Any) -> str:
    """The top-level package that an array's type comes from, without importing anything."""
    return type(x).__module__.partition(".")[0]


def native_copy(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A writable copy in C order and in this machine's byte order, which any library takes."""
    return np.array(x, dtype=x.dtype.newbyteorder("="), order="C", copy=True)


class Backend:
    """A namespace ``xp`` on one device.

    Attributes
    ----------
    name : str
        What ``get_backend`` calls it.
    xp : module
        An Array API namespace.
    device : object
        The library's own device object.
    in_place : bool
        Whether slices are views that can be written to, so that a gradient is computed into its
        place in the flat vector. Where not, every function returns new arrays.
    """

    name: str = ""
    packages: tuple[str, ...] = ()  # the top-level packages whose arrays are this backend's own
    in_place: bool = False
    index_dtype: str = "int64"

    def __init__(self, xp: Any, device: Any) -> None:
        self.xp = xp
        self.device = device

    def __repr__(self) -> str:
        return f"Backend({self.name!r}, device={str(self.device)!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self.device) == str(getattr(other, "device", None))

    def __hash__(self) -> int:
        return hash((self.name, str(self.device)))

    def __reduce__(self) -> Any:
        from xpnet.backends import get_backend  # a namespace is a module, which cannot be pickled

        return get_backend, (self.name, self.device_name(), *self.settings())

    def __deepcopy__(self, memo: dict[int, Any]) -> Backend:
        return self

    def device_name(self) -> Any:
        """What `get_backend` takes for this device."""
        return str(self.device)

    def settings(self) -> tuple[Any, ...]:
        """What `get_backend` takes after the device."""
        return ()

    def on(self, device: Any) -> Backend:
        """This library, with these settings, on another device; None is its default."""
        from xpnet.backends import get_backend

        return get_backend(self.name, device, *self.settings())

    # --- arrays in and out

    def dtype(self, name: str) -> Any:
        """The namespace's dtype of that name ("float32", "int64", …)."""
        if not isinstance(name, str) or not hasattr(self.xp, name):
            raise ValueError(f"dtype must be a name such as float32 or int64, got {quoted(name)}")
        return getattr(self.xp, name)

    def owns(self, x: Any) -> bool:
        """Whether x is an array of this library (on any of its devices)."""
        return library_of(x) in self.packages and hasattr(x, "shape")

    def is_here(self, x: Any) -> bool:
        """Whether an array of this library lies on this backend's device."""
        return bool(x.device == self.device)

    def has(self, x: Any, dtype: str) -> bool:
        """Whether x is an array of this library, on this device, of that dtype."""
        return self.owns(x) and self.is_here(x) and bool(x.dtype == self.dtype(dtype))

    def from_numpy(self, x: np.ndarray[Any, Any]) -> Any:
        """A C-ordered copy of a host array on the device."""
        return self.xp.asarray(native_copy(x), device=self.device)

    def from_device(self, x: Any) -> Any | None:
        """The array moved from another device without a way over the host, or None."""
        return x.to_device(self.device) if self.owns(x) else None

    @staticmethod
    def to_numpy(x: Any) -> np.ndarray[Any, Any]:
        """An array of this library on the host; it may share memory with x."""
        raise NotImplementedError

    # --- computing

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        """The product a b, over the last two axes.

        Written into ``out`` and returned where ``in_place``; else a new array.
        """
        return self.xp.matmul(a, b)

    def take(self, x: Any, index: Any) -> Any:
        """Rows x[index], for an index array that is known to be in range."""
        return self.xp.take(x, index, axis=0)

    def compile(self, function: Callable[..., Any], static: int) -> Callable[..., Any]:
        """``function`` as this library runs it fastest; its first ``static`` arguments are fixed.

        The arrays of the first argument after those may be overwritten.
        """
        return function

    def wait(self, x: Any) -> None:
        """Return when the arrays x (one, or tuples and lists of them) have been computed."""

    def free_memory(self) -> int | None:
        """Bytes that the device has left; None for the host, whose memory is not watched."""
        return None

    def lanes(self, templates: Sequence[tuple[tuple[int, ...], Any]]) -> list[Any]:
        """Two ways for batches to the device, to be used in turn; see `xpnet.backends.lanes`.

        ``templates`` are the shape and the dtype of each array of a whole batch.
        """
        return [Lane(self, templates) for _ in range(2)]

    def context(self) -> AbstractContextManager[Any]:
        """Within it, new arrays are made on this backend's device."""
        return nullcontext()

"""The interface to an array library: one small class, written with the Array API.

A library's own file overrides what the library does better or differently: moving arrays in and
out, products, and whether arrays can be written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from xpnet.backends.lanes import Lane
from xpnet.errors import quoted
from xpnet.pickles import made_by
from xpnet.typing import Array, Host, Namespace

__all__ = ["DTYPES", "Backend", "CompiledAs", "library_of", "native_copy"]

DTYPES = ("float32", "float64")

CompiledAs = Literal["loops", "kernels", "jit", ""]
"""The values of `Backend.compiled_as`."""


def library_of(x: Any) -> str:
    """Return the top-level package of an array's type, without importing anything."""
    return type(x).__module__.partition(".")[0]


def native_copy(x: Host) -> Host:
    """Return a writable copy in C order and native byte order, which any library accepts."""
    return np.array(x, dtype=x.dtype.newbyteorder("="), order="C", copy=True)


class Backend:
    """An array library's namespace ``xp``, on one device.

    Attributes
    ----------
    name : str
        The backend's name in ``get_backend``.
    xp : module
        An Array API namespace.
    device : object
        The library's own device object.
    in_place : bool
        Whether slices are views that can be written to. If so, a gradient is computed into its
        place in the flat vector; if not, every function returns new arrays.
    compiled_as : str
        How its steps are compiled: "loops" (by numba), "kernels" (CUDA), "jit" (by the library), or
        "" if they are not.
    uses_openblas : bool
        Whether its products run on NumPy's BLAS, whose number of threads can be set.
    rows_in_cache : int or None
        Examples that are best predicted at a time, so that a layer's input is still in the cache.
    float64_is_global : bool
        Whether float64 is a switch of the whole process, and not of an array.
    is_asynchronous : bool
        Whether steps return before the device has computed them.
    """

    name: str = ""
    packages: tuple[str, ...] = ()  # top-level packages of this backend's arrays
    in_place: bool = False
    index_dtype: str = "int64"
    compiled_as: CompiledAs = ""
    uses_openblas: bool = False
    rows_in_cache: int | None = None
    float64_is_global: bool = False
    is_asynchronous: bool = False

    def __init__(self, xp: Namespace, device: Any) -> None:
        self.xp = xp
        self.device = device

    def __repr__(self) -> str:
        return f"Backend({self.name!r}, device={str(self.device)!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self.device) == str(getattr(other, "device", None))

    def __hash__(self) -> int:
        return hash((self.name, str(self.device)))

    def __reduce__(self) -> Any:
        from xpnet.backends import get_backend  # xp is a module, which cannot be pickled

        return made_by(get_backend, self.name, self.device_name(), *self.settings())

    def __deepcopy__(self, memo: dict[int, Any]) -> Backend:
        return self

    def device_name(self) -> Any:
        """Return the value of ``device`` for which `get_backend` finds this device."""
        return str(self.device)

    def settings(self) -> tuple[Any, ...]:
        """Return the arguments of `get_backend` after the device."""
        return ()

    def on(self, device: Any) -> Backend:
        """Return this library, with these settings, on ``device``; None is its default."""
        from xpnet.backends import get_backend

        return get_backend(self.name, device, *self.settings())

    # --- arrays in and out

    def dtype(self, name: object) -> Any:
        """Return the namespace's dtype of that name ("float32", "int64", …)."""
        if not isinstance(name, str) or not hasattr(self.xp, name):
            raise ValueError(f"dtype must be a name such as float32 or int64, got {quoted(name)}")
        return getattr(self.xp, name)

    def owns(self, x: Any) -> bool:
        """Whether x is an array of this library (on any of its devices)."""
        return library_of(x) in self.packages and hasattr(x, "shape")

    def is_here(self, x: Array) -> bool:
        """Whether an array of this library lies on this backend's device."""
        return bool(x.device == self.device)

    def has(self, x: Any, dtype: str) -> bool:
        """Whether x is an array of this library, on this device, of that dtype."""
        return self.owns(x) and self.is_here(x) and bool(x.dtype == self.dtype(dtype))

    def from_numpy(self, x: Host) -> Any:
        """Return a C-ordered copy of a host array on the device."""
        return self.xp.asarray(native_copy(x), device=self.device)

    def from_device(self, x: Any) -> Any | None:
        """Move an array here from a different device, without passing through the host.

        It returns None if that is impossible.
        """
        return x.to_device(self.device) if self.owns(x) else None

    @staticmethod
    def to_numpy(x: Array) -> Host:
        """Return an array of this library on the host; it may share memory with x."""
        raise NotImplementedError

    def constants(self, numbers: tuple[float, ...], dtype: Any, n_axes: int) -> Any:
        """Return numbers as an array (R, 1, …) with so many axes, on the device.

        It is made once, however often it is asked for, so a step copies nothing from the host. It
        must not be written to.
        """
        return _constants(self, numbers, dtype, n_axes)

    # --- computing

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Any:
        """Return the product a b, over the last two axes.

        If the backend is ``in_place``, the product is written into ``out``; else it is a new array.
        """
        return self.xp.matmul(a, b)

    def take(self, x: Array, index: Array) -> Any:
        """Return the rows x[index], for an index array that is known to be in range."""
        return self.xp.take(x, index, axis=0)

    def compile(self, function: Callable[..., Any], static: int) -> Callable[..., Any]:
        """Return ``function`` in the form that this library runs fastest.

        The first ``static`` arguments are fixed. The arrays of the first argument after them may be
        overwritten.
        """
        return function

    def wait(self, x: Array) -> None:
        """Wait until the arrays x (one, or tuples and lists of them) have been computed."""

    def machine(self) -> dict[str, str]:
        """Return what else of library and device decides the last bits.

        "threads" of the library's own products on the host; "gpu", the device's model;
        "precision" of products, if that can be set.
        """
        return {}

    def free_memory(self) -> int | None:
        """Return the device's free bytes; None for the host, whose memory is not monitored."""
        return None

    def lanes(self, templates: Sequence[tuple[tuple[int, ...], Any]]) -> list[Any]:
        """Return two lanes that bring batches to the device, to be used in turn.

        ``templates`` has the shape and the dtype of each array of a full batch. See
        `xpnet.backends.lanes`.
        """
        return [Lane(self, templates) for _ in range(2)]

    def context(self) -> AbstractContextManager[Any]:
        """Return a context in which new arrays are made on this backend's device."""
        return nullcontext()


@lru_cache(maxsize=256)
def _constants(backend: Backend, numbers: tuple[float, ...], dtype: Any, n_axes: int) -> Any:
    found = backend.xp.asarray(numbers, dtype=dtype, device=backend.device)
    return backend.xp.reshape(found, (-1, *(1,) * (n_axes - 1)))

"""Array libraries: chooses one and a device, and moves arrays between them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from xpnet.backends.base import DTYPES, Backend, library_of
from xpnet.backends.tracked import refuse_tracked
from xpnet.errors import look_up, printable, quoted, unknown_name
from xpnet.typing import Array, Host
from xpnet.undisturbed import imported

__all__ = [
    "DTYPES",
    "Backend",
    "BackendInfo",
    "asarray",
    "available_backends",
    "backend_of",
    "get_backend",
    "is_array_of_library",
    "is_on_host",
    "move",
    "to_numpy",
    "uses_products_of_numpy",
]


class _Library(NamedTuple):
    module: str  # module of this package
    package: str  # package to import
    install: str  # command that installs it
    uses_numpy: bool = False  # whether its products are NumPy's


_LIBRARIES = {
    "numpy": _Library("numpy_backend", "numpy", "pip install numpy", uses_numpy=True),
    "cupy": _Library(
        "cupy_backend", "cupy", 'pip install "xpnet[cuda12]" (or "xpnet[cuda13]" for CUDA 13)'
    ),
    "torch": _Library("torch_backend", "torch", 'pip install "xpnet[torch]"'),
    "jax": _Library("jax_backend", "jax", 'pip install "xpnet[jax]"'),
    "array-api-strict": _Library(
        "strict_backend", "array_api_strict", "pip install array-api-strict", uses_numpy=True
    ),
}

_BY_PACKAGE = {row.package: name for name, row in _LIBRARIES.items()} | {"jaxlib": "jax"}


class BackendInfo(NamedTuple):
    """A backend's state on this machine.

    ``usable`` tells whether `get_backend` can return it. If not, ``reason`` says why, and how to
    change that.
    """

    name: str
    usable: bool
    version: str | None
    devices: tuple[str, ...]
    reason: str | None


def get_backend(
    name: str | Backend = "auto",
    device: Any = None,
    precision: str | None = None,
    deterministic: bool | None = None,
) -> Backend:
    """Return the backend of that name, on a device.

    Parameters
    ----------
    name : {"auto", "numpy", "cupy", "torch", "jax", "array-api-strict"} or Backend
        "auto" is CuPy if a CUDA device answers, else NumPy. A Backend is returned unchanged.
    device : optional
        The library's name of the device ("cpu", "cuda:1", …), an index, or the library's device
        object. None is the library's default.
    precision : {"float32", "tf32", "bfloat16", "float16"}, optional
        CuPy only: the format to which the factors of float32 products are rounded. Sums and
        everything else stay in float32. None is "float32".
    deterministic : bool, optional
        CuPy only: ask cuBLAS for the same bits in every run on the same card, even if several
        streams compute at the same time. With one stream the bits are the same anyway. It must be
        set before the process's first product, because it sets the environment variable
        CUBLAS_WORKSPACE_CONFIG.

    Raises
    ------
    ValueError
        The name is unknown, or the library does not have the device or the precision; or
        CUBLAS_WORKSPACE_CONFIG has a value with which products are not deterministic.
    ImportError
        The package is missing or cannot be imported. The message gives the command that installs
        it.
    RuntimeError
        No GPU answers, or it is too old for the precision.
    """
    settings = {"precision": precision, "deterministic": deterministic}
    given = [setting for setting, value in settings.items() if value is not None]
    if isinstance(name, Backend):
        for setting in given if device is None else ["device"]:
            raise ValueError(
                f"a Backend already has a {setting}: leave {setting} out, or give the name of a "
                "backend"
            )
        return name
    if not isinstance(name, str):
        raise unknown_name("backend", name, _LIBRARIES)
    if name == "auto":
        name = "cupy" if find_spec("cupy") and _devices("cupy") else "numpy"
    library = look_up("backend", name, _LIBRARIES)
    if name != "cupy" and given:
        raise ValueError(
            f'{given[0]} is a setting of backend "cupy", not of {quoted(name)}: leave it out'
        )
    backend: Backend = _load(name, library).create(device, **{s: settings[s] for s in given})
    return backend


def _load(name: str, library: _Library) -> Any:
    """Return this package's module for a library, which must be installed."""
    try:
        imported(library.package)
    except ImportError as error:
        why = f" ({error})" if find_spec(library.package) else ""
        raise ImportError(
            f"backend {quoted(name)} needs the package {library.package}{why}: {library.install}"
        ) from error
    return imported(f"xpnet.backends.{library.module}")


def _devices(name: str) -> list[str]:
    """Return the library's devices, or an empty list if it cannot be imported."""
    try:
        found: list[str] = _load(name, _LIBRARIES[name]).devices()
    except ImportError:
        return []
    return found


def available_backends() -> list[BackendInfo]:
    """Return every backend, usable or not.

    This imports each library that is installed, which takes seconds.
    """
    return [_describe(name, library) for name, library in _LIBRARIES.items()]


def _describe(name: str, library: _Library) -> BackendInfo:
    try:
        module = _load(name, library)
    except ImportError as error:
        return BackendInfo(name, False, None, (), str(error))
    version = str(import_module(library.package).__version__)
    try:
        module.create(None)
    except (RuntimeError, MemoryError) as error:
        return BackendInfo(name, False, version, (), str(error))
    return BackendInfo(name, True, version, tuple(module.devices()), None)


def uses_products_of_numpy(name: str) -> bool:
    """Whether the backend of that name computes its products by NumPy; "auto" may."""
    return name == "auto" or (name in _LIBRARIES and _LIBRARIES[name].uses_numpy)


def is_array_of_library(x: Any) -> bool:
    """Whether x is an array of a backend's library other than NumPy."""
    library = library_of(x)
    known = library in _BY_PACKAGE and library != "numpy"
    return known and hasattr(x, "dtype") and hasattr(x, "shape")


def backend_of(x: Any) -> Backend:
    """Return the backend of an array of a known library, on the array's device.

    Raises
    ------
    KeyError
        x is an array of no library that xpnet knows.
    """
    from array_api_compat import device

    return get_backend(_BY_PACKAGE[library_of(x)], device(x))


def is_on_host(x: Any) -> bool:
    """Whether x lies in host memory; anything that is no array of a backend's library does."""
    name = _BY_PACKAGE.get(library_of(x))
    if name is None:
        return True
    module = import_module(f"xpnet.backends.{_LIBRARIES[name].module}")
    return bool(module.is_on_host(x))


def to_numpy(x: Array) -> Host:
    """Return x (an array of any library, a data frame, a list of numbers) as a host array.

    The result shares memory with x if x is an array in host memory already.
    """
    name = _BY_PACKAGE.get(library_of(x))
    if name is None or not hasattr(x, "shape"):
        return _foreign_to_numpy(x)
    module = import_module(f"xpnet.backends.{_LIBRARIES[name].module}")
    host: Host = module.to_numpy(x)
    return host


def _foreign_to_numpy(x: Array) -> Host:
    if hasattr(x, "nnz"):  # NumPy would make a single object of it
        raise TypeError(
            f"sparse arrays are not supported, got {type(x).__name__}: make it dense (x.toarray())"
        )
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        return np.from_dlpack(x)
    if isinstance(x, (list, tuple)) and any(library_of(e) in _BY_PACKAGE for e in x):
        return np.asarray([to_numpy(e) for e in x])
    try:
        return np.asarray(x)
    except ValueError as error:
        if not isinstance(x, (list, tuple)):
            raise
        text = "the rows of a nested list must have the same length, and be nested at most 64 deep"
        raise ValueError(text) from error


def asarray(
    x: Array, backend: str | Backend = "auto", device: Any = None, dtype: str | None = None
) -> Any:
    """Return x as an array of a backend, on its device.

    An array that is there already, with that dtype, is returned unchanged. Everything else is
    copied. Device arrays do not pass through the host if both libraries can avoid that. Host arrays
    are copied in C order.

    Parameters
    ----------
    x : array of any library, or nested lists of numbers
    backend, device
        As for `get_backend`.
    dtype : str, optional
        A name such as "float32". None keeps the dtype of x (but JAX without its 64-bit mode turns
        64 bits into 32).
    """
    try:
        return move(get_backend(backend, device), x, dtype)
    except (TypeError, ValueError) as error:
        text = printable(str(error))  # NumPy quotes a cell that is not a number
        raise (TypeError if isinstance(error, TypeError) else ValueError)(text) from error


def move(backend: Backend, x: Array, dtype: str | None = None) -> Any:
    """Return x on the backend's device, as `asarray` does."""
    refuse_tracked(x)
    with backend.context(), np.errstate(over="ignore"):
        wanted = None if dtype is None else backend.dtype(dtype)
        there = x if backend.owns(x) and backend.is_here(x) else backend.from_device(x)
        if there is None:
            host = to_numpy(x)
            return backend.from_numpy(host if dtype is None else host.astype(dtype, copy=False))
        return there if wanted in (None, there.dtype) else backend.xp.astype(there, wanted)

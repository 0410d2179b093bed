"""Where X lies, and where an estimator computes with it.

If scikit-learn dispatches to array libraries (``config_context(array_api_dispatch=True)``),
everything follows X: an estimator with the default backend computes on the device of X by its
library, and its outputs are arrays like X. Otherwise scikit-learn makes NumPy arrays of all input,
which is impossible for an array on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from sklearn import get_config

from xpnet.backends import Backend, backend_of, is_array_of_library, is_on_host, to_numpy
from xpnet.typing import Host

__all__ = ["followed", "in_library_of_X", "on_host", "place_of_network"]

Method = TypeVar("Method", bound=Callable[..., Any])


def followed(X: Any) -> Backend | None:
    """The backend that holds X if everything follows it; None for NumPy and all that becomes it.

    Raises
    ------
    TypeError
        X lies on a device, and nothing follows it.
    """
    if not is_array_of_library(X):
        return None
    backend = backend_of(X)
    if get_config()["array_api_dispatch"]:
        return backend
    if not is_on_host(X):
        raise TypeError(
            f"X lies on {backend.device_name()}, but scikit-learn makes a NumPy array of it here: "
            "call within sklearn.config_context(array_api_dispatch=True), and the estimator "
            "computes on that device; or move X first, with xpnet.to_numpy(X)"
        )
    return None


def place_of_network(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The backend and the device of a network that is fitted to X."""
    own = followed(X) if estimator.backend == "numpy" else None
    return (estimator.backend, estimator.device) if own is None else (own, None)


def in_library_of_X(method: Method) -> Method:
    """Decorate a method of X that returns host arrays: they become arrays like X.

    Text stays on the host, since no other library has it. Raises ValueError if X lies elsewhere
    than the X of a fit that everything followed.
    """

    @wraps(method)
    def run(estimator: Any, X: Any, *args: Any, **keywords: Any) -> Any:
        backend = followed(X)
        _check_same(estimator, backend, method.__name__)
        found = method(estimator, X, *args, **keywords)
        if backend is None:
            return found
        if isinstance(found, list):
            return [_like(backend, own) for own in found]
        return _like(backend, found)

    return run  # type: ignore[return-value]


def _like(backend: Backend, found: Host) -> Any:
    with backend.context():
        return backend.from_numpy(found) if found.dtype.kind in "biuf" else found


def _check_same(estimator: Any, backend: Backend | None, name: str) -> None:
    """Raise ValueError if the fit followed an X that lies elsewhere."""
    fitted = getattr(estimator, "_fitted_at", None)
    if fitted is None or not get_config()["array_api_dispatch"]:
        return
    found = where(backend)
    if found != fitted:
        raise ValueError(
            f"Inputs passed to {type(estimator).__name__}.{name}() must use the same namespace and "
            f"the same device as those passed to fit(): {fitted}, got {found}"
        )


def where(backend: Backend | None) -> str:
    """The library and the device, in words."""
    return "numpy" if backend is None else f"{backend.name} on {backend.device_name()}"


def on_host(x: Any) -> Any:
    """x, as a host array if it is an array of another library."""
    return to_numpy(x) if is_array_of_library(x) else x

"""The array libraries that tests run on, and the reason if one is absent."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest

from tests.support.helpers import BACKENDS
from xpnet.backends import Backend, get_backend

DEVICES = {"array-api-strict": "device1"}
OF_BACKEND = {"cupy": pytest.mark.gpu, "jax": pytest.mark.slow}  # JAX compiles each operation

opened: dict[str, Backend | str] = {}


def open_backend(name: str) -> Backend | str:
    """Return the backend, or the reason why it cannot be opened."""
    if name not in opened:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # warnings of the library's own import
                found = get_backend(name, DEVICES.get(name))
                found.dtype("float64")  # turns on JAX's 64-bit mode for the whole session
                opened[name] = found
        except (ImportError, RuntimeError) as error:
            opened[name] = str(error)
    return opened[name]


def or_skip(found: Backend | str) -> Backend:
    """Return the backend, or skip the test with the reason."""
    if isinstance(found, str):
        pytest.skip(found)
    return found


def other(name: str) -> Backend:
    """Return a backend on its default device, or skip the test."""
    try:
        return get_backend(name)
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))


@pytest.fixture
def narrow_jax() -> Iterator[None]:
    """Restore JAX's default of 32-bit numbers, which float64 networks of other tests change."""
    if isinstance(open_backend("jax"), str):  # opens JAX first, which turns on 64 bits
        yield
        return
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", before)


def on_backends(name: str, values: Sequence[Any], jax: Collection[Any]) -> pytest.MarkDecorator:
    """Parametrize with each value on every backend, but on JAX only with the values in ``jax``.

    JAX compiles anew for each value.
    """

    def said(value: Any) -> str:
        return "-".join(value) if isinstance(value, tuple) else str(value)

    params = [
        pytest.param(
            backend, value, marks=OF_BACKEND.get(backend, ()), id=f"{backend}-{said(value)}"
        )
        for value in values
        for backend in BACKENDS
        if backend != "jax" or value in jax
    ]
    return pytest.mark.parametrize(("backend", name), params, indirect=["backend"])

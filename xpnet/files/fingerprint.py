"""What a checkpoint is of: the data by their hash, and the engine and the machine that computed it.

Both are compared when a fit goes on, and `differences` says what is not the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from xpnet._version import __version__
from xpnet.backends import Backend, to_numpy
from xpnet.checks.inputs import Examples
from xpnet.engines.names import FUSED, Engine
from xpnet.errors import quoted
from xpnet.typing import Array, Host

__all__ = ["data_of", "differences", "environment_of", "fingerprint"]

_PIECE = 1 << 22  # numbers that are hashed at once


def data_of(data: Examples, validation: Examples | None) -> dict[str, Any]:
    """Shape, dtype and SHA-256 of X, Y and the weights, as the steps take them; and w's unit."""
    found = {**_of_examples(data), "unit": float(data.unit)}
    if validation is None:
        return found
    judged = _of_examples(validation)
    return {**found, **{f"validation {name}": x for name, x in judged.items()}}


def _of_examples(data: Examples) -> dict[str, Any]:
    """The fingerprints of X, Y and the weights, and of each network's own rows of them."""
    given = {"X": data.X, "Y": data.Y, "weights": data.w}
    found = {name: None if x is None else fingerprint(x) for name, x in given.items()}
    if data.own is None:
        return found
    lengths = np.asarray([len(rows) for rows in data.own.rows])
    found["rows"] = fingerprint(lengths, *data.own.rows)
    if data.own.w is not None:
        units = np.asarray(data.own.units or ())
        found["weights"] = fingerprint(lengths, *data.own.w, units)
    return found


def fingerprint(x: Array, *more: Array) -> dict[str, Any]:
    """The shape and dtype of an array, and the SHA-256 of its numbers and those of ``more``."""
    digest = hashlib.sha256()
    hosts = [np.atleast_1d(to_numpy(each)) for each in (x, *more)]
    for host in hosts:
        rows = max(1, _PIECE // max(1, host[:1].size))
        for start in range(0, len(host), rows):
            digest.update(np.ascontiguousarray(host[start : start + rows], _little(host)).data)
    shape, dtype = list(to_numpy(x).shape), _little(hosts[0]).name
    return {"shape": shape, "dtype": dtype, "sha256": digest.hexdigest()}


def _little(host: Host) -> np.dtype[Any]:
    """The dtype in which numbers are hashed: int64 for integers, which libraries have different."""
    return np.dtype("<i8") if host.dtype.kind in "iu" else host.dtype.newbyteorder("<")


def environment_of(backend: Backend, engine: Engine) -> dict[str, Any]:
    """What else decides the last bits: versions, the BLAS's kernels, vector instructions."""
    found = {
        "backend": backend.name,
        "device": str(backend.device),
        "engine": engine,
        "xpnet": __version__,
        "numpy": np.__version__,
        "numba": None,
        "library": _library_version(backend),
    }
    if engine == FUSED and backend.compiled_as == "loops":
        from xpnet.engines.loops.cache import numba_version

        found["numba"] = numba_version()
    machine = {"threads": None, "gpu": None, "precision": None, **backend.machine()}
    return {
        **found,
        **machine,
        "blas": _blas() if backend.uses_openblas else None,
        "cpu": None if machine["gpu"] else _vectors(),
    }


def _library_version(backend: Backend) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(backend.packages[0])
    except PackageNotFoundError:
        return "unknown"


@cache
def _blas() -> str:
    from xpnet.doctor.blas import describe_blas

    blas = describe_blas()
    return f"{blas.name} {blas.version}{f' {blas.kernels}' if blas.kernels else ''}"


@cache
def _vectors() -> str | None:
    from xpnet.doctor.cpu import describe_cpu

    return describe_cpu().vectors


def differences(found: Any, own: Any, where: str = "") -> Iterator[str]:
    """Say for each value of the checkpoint that this fit has differently what both are."""
    if isinstance(found, Mapping) and isinstance(own, Mapping):
        names = found.keys() | own.keys()
        if found.get("name") != own.get("name"):
            names = {"name"}  # their settings have different meanings
        for name in sorted(names):
            inner = f"{where}.{name}" if where else name
            if name == "sha256" and found.get(name) != own.get(name):
                if found.get("shape") == own.get("shape"):  # else that says it
                    yield f"{where} has other numbers"
            else:
                yield from differences(found.get(name), own.get(name), inner)
    elif type(found) is not type(own) or found != own:
        yield f"{where} is {quoted(own, 80)}, but the checkpoint has {quoted(found, 80)}"

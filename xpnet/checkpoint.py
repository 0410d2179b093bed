"""Model files: safetensors with the network's settings beside its weights.

One file, no code in it. It is written whole or not at all: into a temporary file, flushed to the
disk, then renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from xpnet._version import __version__
from xpnet.activations import ACTIVATIONS, Activation
from xpnet.backends import Backend, get_backend, to_numpy
from xpnet.checks import dtype_name
from xpnet.losses import LOSSES, Loss
from xpnet.network import Network

__all__ = ["describe", "load", "save"]

_FORMAT = "xpnet model 1"
_EXTRA = "extra."  # begins the names of what others keep in the metadata


def save(
    net: Network, path: str | os.PathLike[str], extra: Mapping[str, str] | None = None
) -> None:
    """Write ``net`` to a safetensors file; see `Network.save`.

    Tensors are layers.0.weight (n_1, n_0), layers.0.bias (n_1,), …; the settings are JSON in the
    file's metadata, and ``extra`` is text beside them. A user's own activation or loss is stored by
    its name.
    """
    import json

    from safetensors.numpy import save as to_bytes

    tensors = {}
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        tensors[f"layers.{l}.weight"] = np.ascontiguousarray(to_numpy(W))
        tensors[f"layers.{l}.bias"] = np.ascontiguousarray(to_numpy(b))
    metadata = {
        "format": _FORMAT,
        "xpnet_version": __version__,
        "network": json.dumps(_config(net)),
        **{f"{_EXTRA}{name}": text for name, text in (extra or {}).items()},
    }
    _write(os.path.abspath(path), _in_order(to_bytes(tensors, metadata)))


def _config(net: Network) -> dict[str, Any]:
    return {
        "sizes": list(net.sizes),
        "activations": [layer.activation.name for layer in net.layers],
        "loss": None if net.loss is None else net.loss.name,
        "output_named": net.output_is_named,
        "initializer": net.initializer,
        "dtype": net.dtype,
        "seed": net.seed,
        "epoch": net.epoch,
    }


def _in_order(content: bytes) -> bytes:
    """The same file with its header sorted: safetensors writes the metadata in any order."""
    import json

    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def _write(path: str, content: bytes) -> None:
    """Temporary file beside it, fsync, rename, fsync of the directory."""
    import tempfile  # 4 ms, when a file is written

    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if os.name == "posix":
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings in a model file's metadata; under "extra", a dict, what `save` was given.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is not an xpnet model, or it is damaged.
    """
    return _read(os.fspath(path))[0]


def _read(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    import json

    from safetensors import SafetensorError, safe_open

    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no model file {path!r}")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path!r} is not a model file, or is damaged: {error}") from error
    if metadata.get("format") != _FORMAT:
        kind = metadata.get("format", "another kind of safetensors file")
        raise ValueError(f"{path!r} is not an xpnet model of a known kind, but {kind}")
    with _names(path):
        config: dict[str, Any] = json.loads(metadata["network"])
        extra = {k.removeprefix(_EXTRA): v for k, v in metadata.items() if k.startswith(_EXTRA)}
        return {"xpnet_version": metadata["xpnet_version"], **config, "extra": extra}, tensors


@contextmanager
def _names(path: str) -> Iterator[None]:
    """What goes wrong within is the file's fault, and says which file."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path!r} is not a model file that can be used: {reason}") from error


def load(
    path: str | os.PathLike[str],
    backend: str | Backend = "numpy",
    device: Any = None,
    dtype: Any = None,
    *,
    custom: tuple[Activation | Loss, ...] = (),
) -> Network:
    """The network that `Network.save` wrote, on any backend.

    Parameters
    ----------
    path : path of a safetensors file
    backend, device
        As for `xpnet.get_backend`.
    dtype : {"float32", "float64"}, optional
        None keeps the file's.
    custom : tuple of Activation and Loss
        A user's own, which the file names: it holds no code.

    Raises
    ------
    FileNotFoundError, ValueError
        No file, or one that is damaged or of another kind.
    """
    config, tensors = _read(os.fspath(path))
    backend = get_backend(backend, device)
    wanted = None if dtype is None else dtype_name(dtype)
    with _names(os.fspath(path)):
        return _build(config, tensors, backend, wanted, custom)


def _build(
    config: dict[str, Any],
    tensors: dict[str, np.ndarray[Any, Any]],
    backend: Backend,
    dtype: str | None,
    custom: tuple[Activation | Loss, ...],
) -> Network:
    own = {(isinstance(item, Loss), item.name): item for item in custom}
    for known, is_loss, names in (
        (ACTIVATIONS, False, config["activations"]),
        (LOSSES, True, [config["loss"]] if config["loss"] else []),
    ):
        for name in names:
            if name not in known and (is_loss, name) not in own:
                kind = "loss" if is_loss else "activation"
                raise ValueError(f"it has the {kind} {name!r}, give yours in custom=(…,)")
    seed, epoch = config["seed"], config["epoch"]
    if type(seed) is not int or type(epoch) is not int or epoch < 0:
        raise ValueError(f"seed {seed!r} and epoch {epoch!r} are not both integers ≥ 0")
    activations = [own.get((False, name), name) for name in config["activations"]]
    net = Network(
        config["sizes"],
        activation=activations,
        loss=own.get((True, config["loss"]), config["loss"]),
        initializer=config["initializer"],
        backend=backend,
        dtype=dtype or config["dtype"],
        rng=config["seed"],
    )
    net.restore(config["epoch"], config["output_named"])
    n = len(config["sizes"]) - 1
    net.set_weights(
        [tensors[f"layers.{l}.weight"] for l in range(n)],
        [tensors[f"layers.{l}.bias"] for l in range(n)],
    )
    return net

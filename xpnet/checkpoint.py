"""Model files: safetensors with the network's settings beside its weights.

One file, no code in it. It is written whole or not at all: into a temporary file, flushed to the
disk, then renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from xpnet._version import __version__
from xpnet.activations import ACTIVATIONS, Activation
from xpnet.backends import Backend, get_backend, to_numpy
from xpnet.checks import dtype_name
from xpnet.layers.build import from_config
from xpnet.losses import LOSSES, Loss, loss_from_config
from xpnet.network import Network
from xpnet.parameters import Slot, layout

__all__ = ["check_writable", "describe", "load", "save"]

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

    theta = to_numpy(net.parameters)
    tensors = {name: _shaped(theta, slot) for name, slot in _named_slots(net.layers)}
    for name, stat in zip(_stat_names(net.layers), net.statistics, strict=True):
        tensors[name] = np.ascontiguousarray(to_numpy(stat)[0, :])
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
        "layers": [_layer_config(layer) for layer in net.plan.layers],
        "activations": [layer.activation.name for layer in net.layers if layer.kind == "dense"],
        "loss": _loss_config(net.loss),
        "classes": net.classes,
        "output_named": net.plan.output is not None,
        "initializer": net.initializer,
        "dtype": net.dtype,
        "seed": net.seed,
        "epoch": net.epoch,
    }


def _loss_config(loss: Loss | None) -> Any:
    """A name, or a name with settings."""
    if loss is None or loss.config is None:
        return None if loss is None else loss.name
    return loss.name if LOSSES.get(loss.name) is loss else dict(loss.config)


def _layer_config(layer: Any) -> dict[str, Any]:
    """A layer's settings; those of a dense one's activation stand in a list of their own."""
    config: dict[str, Any] = layer.config()
    return {**config, "activation": None} if config["layer"] == "dense" else config


def _named_slots(layers: Sequence[Any], prefix: str = "layers") -> Iterator[tuple[str, Slot]]:
    """Every parameter by its name in the file, such as layers.0.weight or layers.2.1.bias."""
    for l, layer in enumerate(layers):
        yield from _named_slots(layer.children, f"{prefix}.{l}")
        within = sum(len(child.slots) for child in layer.children)
        for slot in layer.slots[within:]:
            yield f"{prefix}.{l}.{slot.name}", slot


def _stat_names(layers: Sequence[Any], prefix: str = "layers") -> Iterator[str]:
    """Every statistic's name in the file, such as layers.1.running_mean."""
    for l, layer in enumerate(layers):
        yield from _stat_names(layer.children, f"{prefix}.{l}")
        if not layer.children and layer.n_stats:
            yield from (f"{prefix}.{l}.running_mean", f"{prefix}.{l}.running_variance")


def _shaped(theta: np.ndarray[Any, Any], slot: Slot) -> np.ndarray[Any, Any]:
    """A parameter as the file has it: matrices (rows, columns), vectors (n,)."""
    part = theta[slot.offset : slot.offset + slot.size]
    return np.ascontiguousarray(part.reshape(slot.shape) if slot.is_weight else part)


def _in_order(content: bytes) -> bytes:
    """The same file with its header sorted: safetensors writes the metadata in any order."""
    import json

    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def _write(path: str, content: bytes) -> None:
    """Temporary file beside it, fsync, rename, fsync of the folder; a link is written through."""
    import tempfile  # 4 ms, when a file is written

    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    check_writable(path)
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


def check_writable(path: str | os.PathLike[str]) -> None:
    """A model file can be put there: in a folder that exists, over a regular file or none.

    Raises
    ------
    OSError
        It cannot; a device, a pipe or a folder is not replaced.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} to write {path!r} into")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the folder {folder!r} cannot be written to")
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileExistsError(f"{path!r} is no regular file: it is left as it is")


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
    own_activations = {item.name: item for item in custom if isinstance(item, Activation)}
    own_losses = {item.name: item for item in custom if isinstance(item, Loss)}
    loss = _loss_from(config["loss"], own_losses)
    if loss is not None and loss.own_output is not None:
        own_activations[loss.own_output.name] = loss.own_output
    within = [name for layer in config["layers"] for name in _activation_names(layer)]
    _check_known("activation", [*config["activations"], *within], ACTIVATIONS, own_activations)
    seed, epoch = config["seed"], config["epoch"]
    if type(seed) is not int or type(epoch) is not int or epoch < 0:
        raise ValueError(f"seed {seed!r} and epoch {epoch!r} are not both integers ≥ 0")
    layers = [from_config(layer, own_activations) for layer in config["layers"]]
    net = Network(
        [config["sizes"][0], *layers],
        activation=[own_activations.get(name, name) for name in config["activations"]],
        loss=loss,
        initializer=config["initializer"],
        backend=backend,
        dtype=dtype or config["dtype"],
        rng=config["seed"],
    )
    if list(net.sizes) != config["sizes"]:
        raise ValueError(f"its sizes are {config['sizes']}, those of its layers {list(net.sizes)}")
    net.restore(config["epoch"], config["output_named"], config["classes"])
    _fill(net, tensors)
    return net


def _fill(net: Network, tensors: dict[str, np.ndarray[Any, Any]]) -> None:
    """Set every parameter and statistic from the file's tensors."""
    theta = np.zeros(layout(net.layers).size)
    for name, slot in _named_slots(net.layers):
        wanted = slot.shape if slot.is_weight else slot.shape[1:]
        if tensors[name].shape != wanted:
            raise ValueError(f"{name} must be {wanted}, got {tensors[name].shape}")
        theta[slot.offset : slot.offset + slot.size] = tensors[name].reshape(-1)
    net.set_parameters(theta)
    net.set_statistics([tensors[name][None, :] for name in _stat_names(net.layers)])


def _activation_names(layer: dict[str, Any]) -> Iterator[str]:
    """The activations that a layer's settings name, those of layers within included."""
    if layer.get("activation"):
        yield layer["activation"]
    for inner in layer.get("layers", ()):
        yield from _activation_names(inner)


def _loss_from(config: Any, own: Mapping[str, Loss]) -> Loss | None:
    if config is None or isinstance(config, Mapping):
        return None if config is None else loss_from_config(config)
    _check_known("loss", [config], LOSSES, own)
    return own.get(config) or LOSSES[config]


def _check_known(
    kind: str, names: Sequence[str | None], known: Mapping[str, Any], own: Mapping[str, Any]
) -> None:
    for name in names:
        if name is not None and name not in known and name not in own:
            raise ValueError(f"it has the {kind} {name!r}, give yours in custom=(…,)")

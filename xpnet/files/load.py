"""Load a network from a model file that `xpnet.files.save` wrote.

Before the network gets its parameters, the file's tensors are compared with the layers in its
settings, and its bytes with its checksum (`xpnet.files.container`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from xpnet._version import __version__
from xpnet.backends import DTYPES, Backend, get_backend, move
from xpnet.checks import dtype_name
from xpnet.equations.activation import Activation
from xpnet.equations.activations import ACTIVATIONS
from xpnet.errors import FileError, printable, quoted, warn
from xpnet.files.container import CHECKPOINT, Container, blaming, opened
from xpnet.files.jsonable import check_known, integer_of, loads, mapping
from xpnet.files.save import EXTRA, FORMAT, config_of, settings_name
from xpnet.files.saved_optimizer import OPTIMIZER, optimizer_in, without_optimizer
from xpnet.files.saved_tensors import check_tensors, filled, tensor_prefix
from xpnet.layers.build import HIDDEN, Specification, from_config, plan
from xpnet.losses import LOSSES, Loss, loss_from_config
from xpnet.network import Network
from xpnet.network.labels import check_outputs
from xpnet.training.kept_optimizer import MARK
from xpnet.whole_file import path_text

__all__ = ["describe", "load", "load_all", "network_of"]

_METADATA = ("format", "xpnet_version", "network", "sha256")
_SETTINGS = {"sizes", "layers", "activations", "loss", "classes",
             "output_named", "initializer", "dtype", "seed", "epoch"}  # fmt: skip
"""Settings that `config_of` has written since the first version."""
_SINCE: set[str] = {"feature_names"}
"""Settings of a network, a layer or a loss that were added later; older files lack them."""
_MOST_EPOCHS = 2**53 - 1  # largest integer that every reader of JSON keeps
_OWN = (Activation, Loss)
_UNUSABLE = "is not a model file that can be used"


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings in a model file's metadata, and under "extra" the dict given to `save`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    FileError
        It is not an xpnet model, or it is damaged.
    """
    path = path_text(path)
    with opened(path) as file:
        settings = _all_settings(path, file)[0]
        with blaming(path, _UNUSABLE):
            file.numbers(_dtype(settings))
    extra = {
        name.removeprefix(EXTRA): text
        for name, text in file.metadata.items()
        if name.startswith(EXTRA)
    }
    return {"xpnet_version": file.metadata["xpnet_version"], **settings, "extra": extra}


def _count(file: Container) -> int:
    """The number of networks in the file."""
    return next(k for k in count(1) if settings_name(k) not in file.metadata)


def _all_settings(path: str, file: Container) -> list[dict[str, Any]]:
    """Each network's settings, if this xpnet knows the format and everything in the metadata."""
    kind = file.metadata.get("format")
    if kind != FORMAT:
        found = "a different kind of safetensors file" if kind is None else printable(kind)
        hint = ": xpnet.Checkpoint.read(path).network() has its network"
        hint = hint if found.startswith(CHECKPOINT) else ""
        raise FileError(f"{path!r} is not an xpnet model of a known kind, but {found}{hint}")
    n = _count(file)
    known = {*_METADATA, OPTIMIZER, *(settings_name(k) for k in range(1, n))}
    with blaming(path, _UNUSABLE):
        for name in file.metadata:
            if name not in known and not name.startswith(EXTRA):
                raise ValueError(f"its metadata has the unknown entry {quoted(name)}")
    return [_settings(path, file, k) for k in range(n)]


def _settings(path: str, file: Container, k: int) -> dict[str, Any]:
    """The k-th network's settings, if this xpnet knows the version."""
    with blaming(path, _UNUSABLE):
        _check_version(file.metadata["xpnet_version"])
        settings = dict(mapping(loads(file.metadata[settings_name(k)]), "the settings"))
        _check_names(settings)
        return settings


def _check_names(settings: Mapping[str, Any]) -> None:
    """Check that every setting of a network is there, and none is unknown."""
    for name in sorted(_SETTINGS - set(settings)):
        raise KeyError(name)
    for name in sorted(set(settings) - _SETTINGS - _SINCE):
        raise ValueError(f"this version of xpnet has no setting {quoted(name)}")


def _check_version(written_by: str) -> None:
    """Check that the file is not of a later xpnet, whose settings are unknown here."""
    release = re.match(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?![\d])", written_by)
    if release is None:
        raise ValueError(f"its xpnet_version is not a version: {quoted(written_by)}")
    own = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", __version__)
    assert own is not None
    if [int(n or 0) for n in release.groups()] > [int(n or 0) for n in own.groups()]:
        raise ValueError(
            f"xpnet {quoted(written_by)} wrote it, but this is {__version__}: install that version"
        )


def load(
    path: str | os.PathLike[str],
    backend: str | Backend = "numpy",
    device: Any = None,
    dtype: Any = None,
    *,
    custom: tuple[Activation | Loss, ...] = (),
) -> Network:
    """Load the network that `Network.save` wrote, on any backend.

    Parameters
    ----------
    path : path of a safetensors file
    backend, device
        As for `xpnet.get_backend`.
    dtype : {"float32", "float64"}, optional
        None keeps the file's.
    custom : tuple of Activation and Loss
        A user's own activations and losses; the file has only their names, no code.

    Raises
    ------
    TypeError
        ``custom`` is not a tuple or list of activations and losses.
    FileNotFoundError
        There is no such file, or it is a folder or a pipe.
    FileError
        It is damaged, of a different kind, or written by a later xpnet; no network is returned.

    Notes
    -----
    Before the network gets its parameters, the header is compared with the layers in the settings,
    and all bytes with the file's checksum. A file of xpnet 0.1.0 has no checksum; it loads too.

    A model of a table may have several networks, and so does the file of a stack. The first is
    returned, with a warning: `xpnet.tables.load` and `Stack.load` return them all.
    """
    first, *others = load_all(path, backend, device, dtype, custom=custom)
    if others:
        warn(
            f"{quoted(path_text(path))} has {len(others) + 1} networks, and this is the first "
            "only: xpnet.tables.load gives the model, which averages their predictions, and "
            "xpnet.Stack.load the stack that was saved"
        )
    return first


def load_all(
    path: str | os.PathLike[str],
    backend: str | Backend = "numpy",
    device: Any = None,
    dtype: Any = None,
    *,
    custom: tuple[Activation | Loss, ...] = (),
) -> list[Network]:
    """Load every network of a file, as `load` loads the first."""
    path = path_text(path)
    _check_custom(custom)
    wanted = None if dtype is None else dtype_name(dtype)
    with opened(path) as file:
        each = _all_settings(path, file)
        with blaming(path, _UNUSABLE):
            plans = [_plan(settings, custom) for settings in each]
        backend = get_backend(backend, device)
        with blaming(path, _UNUSABLE):
            stored = _dtype(each[0])
            if any(_dtype(settings) != stored for settings in each):
                raise ValueError("its networks have different dtypes")
            nets = [
                _without_parameters(settings, *planned, backend, wanted or stored)
                for settings, planned in zip(each, plans, strict=True)
            ]
            check_tensors([net.layers for net in nets], without_optimizer(file.tensors))
            numbers = file.numbers(stored)
            kept = optimizer_in(file, numbers, nets[0].dtype)
            arrays = [
                filled(net.layers, file.tensors, numbers, net.dtype, tensor_prefix(k))
                for k, net in enumerate(nets)
            ]
    for net, (theta, stats) in zip(nets, arrays, strict=True):
        net.take(move(backend, theta), tuple(move(backend, stat) for stat in stats))
    if kept is not None:
        nets[0].__dict__[MARK] = kept
    return nets


def _check_custom(custom: object) -> None:
    if not isinstance(custom, (tuple, list)) or not all(isinstance(c, _OWN) for c in custom):
        raise TypeError(
            f"custom must be a tuple of Activation and Loss, such as (mine,), got {quoted(custom)}"
        )


def _plan(
    settings: dict[str, Any], custom: tuple[Activation | Loss, ...]
) -> tuple[Specification, Loss | None]:
    """The layers and the loss that the settings name."""
    own_activations = {item.name: item for item in custom if isinstance(item, Activation)}
    own_losses = {item.name: item for item in custom if isinstance(item, Loss)}
    activations = settings["activations"]
    within = [name for layer in settings["layers"] for name in _activation_names(layer)]
    _check_known("activation", [*activations[:-1], *within], ACTIVATIONS, own_activations)
    loss = _loss_from(settings["loss"], own_losses)
    if loss is not None and loss.own_output is not None:
        own_activations[loss.own_output.name] = loss.own_output
    _check_known("activation", activations[-1:], ACTIVATIONS, own_activations)
    layers = [from_config(layer, own_activations) for layer in settings["layers"]]
    named = [own_activations.get(name, name) for name in activations]
    found = plan([settings["sizes"][0], *layers], HIDDEN, named, None)
    return (found if settings["output_named"] else found._replace(output=None)), loss


def _without_parameters(
    settings: dict[str, Any],
    planned: Specification,
    loss: Loss | None,
    backend: Backend,
    dtype: str,
) -> Network:
    """The network of the settings; each must equal what would be saved of that network."""
    net = Network(
        loss=loss,
        initializer=settings["initializer"],
        backend=backend,
        dtype=dtype,
        rng=settings["seed"],
    )
    epoch = integer_of(settings, "epoch", 0, _MOST_EPOCHS)
    names = _classes(settings.get("feature_names"), "feature_names")
    net.restore(planned, epoch, _classes(settings["classes"]), names)
    if net.classes is not None:  # the loss chosen for text labels if none is set
        check_outputs(net.classes, loss or LOSSES["cross_entropy"], net.sizes[-1])
    written = loads(json.dumps(config_of(net)))
    if loss is not None and isinstance(settings["loss"], dict):
        written["loss"] = loads(json.dumps(dict(loss.config or {})))
    for name in sorted(settings.keys() - {"dtype"}):
        check_known(settings[name], written[name], name, _SINCE)
    return net


def network_of(
    settings: dict[str, Any],
    custom: tuple[Activation | Loss, ...],
    backend: Backend,
    dtype: str,
) -> Network:
    """The network of a file's settings, with its first parameters.

    Raises
    ------
    ValueError, TypeError, KeyError
        The settings are not those of a network.
    """
    _check_custom(custom)
    _check_names(settings)
    return _without_parameters(settings, *_plan(settings, custom), backend, dtype)


def _dtype(settings: dict[str, Any]) -> str:
    dtype: str = settings["dtype"]
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {quoted(dtype)}")
    return dtype


def _classes(found: Any, what: str = "classes") -> tuple[str, ...] | None:
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"its {what} are not text: {quoted(found)}")
    if not found or len(set(found)) < len(found):
        raise ValueError(f"its {what} are empty, or not all different: {quoted(found)}")
    return tuple(found)


def _activation_names(layer: dict[str, Any]) -> Iterator[str]:
    """The activations that a layer's settings name, and those of the layers within it."""
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
            raise ValueError(
                f"it has the {kind} {quoted(name)}, which xpnet does not know: give yours in "
                "custom=(…,)"
            )

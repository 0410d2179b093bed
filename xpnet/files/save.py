"""Save a network as a safetensors file of its weights and settings.

The file contains no code and is written whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from xpnet._version import __version__
from xpnet.equations.built_in import is_built_in
from xpnet.files.container import MODEL, has_mark, sealed
from xpnet.files.saved_optimizer import OPTIMIZER, optimizer_of
from xpnet.files.saved_tensors import tensor_prefix, tensors_of
from xpnet.layers.build import check_layer_types
from xpnet.losses import LOSSES, Loss
from xpnet.network.state import NetworkState
from xpnet.ranges import check_flag
from xpnet.whole_file import whole_file

__all__ = ["EXTRA", "FORMAT", "config_of", "is_model", "save", "settings_name"]

FORMAT = f"{MODEL}1"

EXTRA = "extra."  # prefix of the names of extra entries in the metadata


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file's header says that it is a model, of whatever version."""
    return has_mark(path, MODEL)


def save(
    net: NetworkState,
    path: str | os.PathLike[str],
    extra: Mapping[str, str] | None = None,
    more: Sequence[NetworkState] = (),
    optimizer: bool = False,
) -> None:
    """Write ``net`` to a safetensors file; see `Network.save`.

    Tensors are layers.0.weight (n_1, n_0), layers.0.bias (n_1,), …. The file's metadata has the
    settings as JSON, and the texts of ``extra``. Of a user's own activation or loss, only the name
    is stored. Networks ``more`` have tensors 1.layers.0.weight, … and settings "network.1", …. With
    ``optimizer``, tensors optimizer.0, … have the state of the last fit's optimizer.
    """
    from safetensors.numpy import save as to_bytes

    check_flag("optimizer", optimizer)

    networks = (net, *more)
    if len({each.dtype for each in networks}) > 1:
        raise ValueError("the networks of a file must have one dtype: use net.to(dtype=…)")
    tensors: dict[str, Any] = {}
    for k, each in enumerate(networks):
        check_layer_types(each.plan.layers)
        tensors |= tensors_of(each, tensor_prefix(k))
    metadata = {
        "format": FORMAT,
        "xpnet_version": __version__,
        **{settings_name(k): json.dumps(config_of(each)) for k, each in enumerate(networks)},
        **{f"{EXTRA}{name}": text for name, text in (extra or {}).items()},
    }
    if optimizer:
        settings, arrays = optimizer_of(net)
        metadata[OPTIMIZER], tensors = json.dumps(settings), tensors | arrays
    with whole_file(path) as file:
        file.write(sealed(to_bytes(tensors, metadata)))  # with a digest of the whole file


def settings_name(k: int) -> str:
    """The name of the k-th network's settings in the metadata."""
    return f"network.{k}" if k else "network"


def config_of(net: NetworkState) -> dict[str, Any]:
    """A network's settings, from which `load` builds it again.

    Older files lack a setting that is added later. So add its name to `_SINCE` in files/load.py,
    and read it there with a default.
    """
    return {
        "sizes": list(net.sizes),
        "layers": [_layer_config(layer) for layer in net.plan.layers],
        "activations": [layer.activation.name for layer in net.layers if layer.kind == "dense"],
        "loss": _loss_config(net.loss),
        "classes": None if net.classes is None else list(net.classes),
        "feature_names": None if net.feature_names is None else list(net.feature_names),
        "output_named": net.plan.output is not None,
        "initializer": net.initializer,
        "dtype": net.dtype,
        "seed": net.seed,
        "epoch": net.epoch,
    }


def _loss_config(loss: Loss | None) -> Any:
    """The loss's name, or a dict of its name and settings; None if no loss is set."""
    if loss is None or LOSSES.get(loss.name) is loss:
        return None if loss is None else loss.name
    if is_built_in(loss) and loss.config is not None:
        return dict(loss.config)
    if loss.name in LOSSES:
        raise ValueError(
            f"the network's loss is a variant of xpnet's own {loss.name!r} and has the same "
            "name, so a file would load as xpnet's: give it a different name, net.loss = "
            f'dataclasses.replace(net.loss, name="my_{loss.name}"), and save again'
        )
    return loss.name


def _layer_config(layer: Any) -> dict[str, Any]:
    """A layer's settings; activations of dense layers are saved in a separate list."""
    config: dict[str, Any] = layer.config()
    return {**config, "activation": None} if config["layer"] == "dense" else config

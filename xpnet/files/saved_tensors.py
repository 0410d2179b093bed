"""The tensors of a model file: layers.0.weight (n_1, n_0), layers.0.bias (n_1,), …"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.equations.parameters import Layers, Slot, layout
from xpnet.equations.protocol import stat_names
from xpnet.errors import quoted
from xpnet.files.container import Tensor
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["check_tensors", "filled", "named_stats", "tensor_prefix", "tensors_of"]


_VARIANCE = "running_variance"


def tensor_prefix(k: int) -> str:
    """The beginning of the names of the k-th network's tensors."""
    return f"{k}.layers" if k else "layers"


def tensors_of(net: NetworkState, prefix: str = "layers") -> dict[str, Host]:
    """Every parameter and statistic by its name in the file, in the file's shape.

    Raises
    ------
    ValueError
        One is not finite; a file with it could not be loaded.
    """
    theta = to_numpy(net.parameters)
    tensors = {name: _shaped(theta, slot) for name, slot in _named_slots(net.layers, prefix)}
    for (name, _), stat in zip(named_stats(net.layers, prefix), net.statistics, strict=True):
        tensors[name] = np.ascontiguousarray(to_numpy(stat)[0, :])
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} is NaN or infinite: a file with it could not be loaded")
    return tensors


def check_tensors(networks: Sequence[Layers], tensors: Mapping[str, Tensor]) -> None:
    """Check that the file has every parameter and statistic, in its shape, and nothing else."""
    shapes: dict[str, tuple[int, ...]] = {}
    for k, layers in enumerate(networks):
        prefix = tensor_prefix(k)
        shapes |= {name: _shape(slot) for name, slot in _named_slots(layers, prefix)}
        shapes |= {name: (n,) for name, n in named_stats(layers, prefix)}
    for name, shape in shapes.items():
        if name not in tensors:
            raise KeyError(name)
        if tensors[name].shape != shape:
            raise ValueError(f"{name} must be {shape}, got {quoted(tensors[name].shape)}")
    for name in sorted(tensors.keys() - shapes.keys()):
        raise ValueError(f"the network has no parameter {quoted(name)}")


def filled(
    layers: Layers,
    tensors: Mapping[str, Tensor],
    numbers: Host,
    dtype: str,
    prefix: str = "layers",
) -> tuple[Host, list[Host]]:
    """The parameters θ (P,) and the statistics (1, n), copied from the file's numbers."""

    def part(name: str) -> Host:
        return numbers[tensors[name].start // numbers.itemsize :][: math.prod(tensors[name].shape)]

    theta = np.empty(layout(layers).size, dtype)
    with np.errstate(over="ignore"):
        for name, slot in _named_slots(layers, prefix):
            theta[slot.offset : slot.offset + slot.size] = part(name)
        stats = {name: part(name)[None, :].astype(dtype) for name, _ in named_stats(layers, prefix)}
    if numbers.dtype != theta.dtype:
        for x in (theta, *stats.values()):
            if not np.isfinite(x).all():
                raise ValueError(f"its numbers are too large for {dtype}: keep {numbers.dtype}")
    for name, x in stats.items():
        if name.endswith(_VARIANCE) and x.min() < 0:
            raise ValueError(f"{name} is negative: {x.min()}")
    return theta, list(stats.values())


def _named_slots(layers: Sequence[Any], prefix: str = "layers") -> Iterator[tuple[str, Slot]]:
    """Every parameter with its name in the file, such as layers.0.weight or layers.2.1.bias."""
    for l, layer in enumerate(layers):
        yield from _named_slots(layer.children, f"{prefix}.{l}")
        within = sum(len(child.slots) for child in layer.children)
        for slot in layer.slots[within:]:
            yield f"{prefix}.{l}.{slot.name}", slot


def named_stats(layers: Sequence[Any], prefix: str = "layers") -> Iterator[tuple[str, int]]:
    """Every statistic's name in the file, such as layers.1.running_mean, and its length."""
    for l, layer in enumerate(layers):
        yield from named_stats(layer.children, f"{prefix}.{l}")
        for name in stat_names(layer):
            yield f"{prefix}.{l}.{name}", layer.fan_in


def _shape(slot: Slot) -> tuple[int, ...]:
    """A parameter's shape in the file: matrices (rows, columns), vectors (n,)."""
    return slot.shape if slot.is_weight else slot.shape[1:]


def _shaped(theta: Host, slot: Slot) -> Host:
    part = theta[slot.offset : slot.offset + slot.size]
    return np.ascontiguousarray(part.reshape(_shape(slot)))

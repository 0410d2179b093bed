"""The state of an optimizer in a model file: the tensors optimizer.0, …, and its settings as JSON.

    {"settings": {"name": "adam", …}, "steps": 500}

The learning rate is 0 in these settings: the next fit has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.errors import quoted
from xpnet.files.container import Container, Tensor
from xpnet.files.jsonable import check_depth, integer_of, loads, mapping, text_of
from xpnet.training.kept_optimizer import KeptOptimizer, kept_by
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["OPTIMIZER", "optimizer_in", "optimizer_of", "without_optimizer"]

OPTIMIZER = "optimizer"
"""The name of its entry in the metadata."""
_PREFIX = "optimizer."
_DEEPEST = 20  # levels of the JSON: optimizers around each other need most
_MOST = 2**53 - 1  # largest integer that every reader of JSON keeps


def optimizer_of(net: NetworkState) -> tuple[dict[str, Any], dict[str, Host]]:
    """The settings and the arrays of the last fit's optimizer.

    Raises
    ------
    ValueError
        There are none, or a file could not hold them.
    """
    kept = kept_by(net)
    if kept is None:
        raise ValueError(
            "the network has no state of an optimizer to save: it keeps that of its last fit, "
            "unless the fit was one of L-BFGS"
        )
    found = kept.on_host()
    for x in found.arrays:
        if x.dtype != net.dtype or not np.isfinite(x).all():
            raise ValueError(
                f"the state of {found.optimizer['name']!r} cannot be saved: a model file holds "
                f"finite numbers of the network's {net.dtype} only"
            )
    arrays = {f"{_PREFIX}{k}": np.ascontiguousarray(x) for k, x in enumerate(found.arrays)}
    return {"settings": found.optimizer, "steps": found.steps}, arrays


def without_optimizer(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the networks alone."""
    return {name: x for name, x in tensors.items() if not name.startswith(_PREFIX)}


def optimizer_in(file: Container, numbers: Host, dtype: str) -> KeptOptimizer | None:
    """The state in a model file, whose ``numbers`` have been read; None if it has none.

    Raises ValueError if settings and tensors are not those that `optimizer_of` returns.
    """
    names = [name for name in file.tensors if name.startswith(_PREFIX)]
    if OPTIMIZER not in file.metadata:
        if names:
            raise ValueError(f"it has {quoted(names[0])}, but no optimizer")
        return None
    found = loads(file.metadata[OPTIMIZER])
    check_depth(found, _DEEPEST)
    found = mapping(found, "its optimizer")
    settings = dict(mapping(found.get("settings"), "the optimizer's settings"))
    text_of(settings, "name")
    steps = integer_of(found, "steps", 0, _MOST)
    if len(found) > 2 or {*names} != {f"{_PREFIX}{k}" for k in range(len(names))}:
        raise ValueError("its optimizer has unknown parts")
    tensors = [file.tensors[f"{_PREFIX}{k}"] for k in range(len(names))]
    arrays = tuple(_array(tensor, numbers, dtype) for tensor in tensors)
    return KeptOptimizer(settings, arrays, steps, goes_on=True)


def _array(tensor: Tensor, numbers: Host, dtype: str) -> Host:
    first, last = (at // numbers.itemsize for at in (tensor.start, tensor.stop))
    with np.errstate(over="ignore"):
        found: Host = numbers[first:last].reshape(tensor.shape).astype(dtype)
    if not np.isfinite(found).all():
        raise ValueError(f"its optimizer's numbers are too large for {dtype}: keep {numbers.dtype}")
    return found

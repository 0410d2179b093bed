"""The network or the stack of a checkpoint, as it was at that point."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import Backend, get_backend, move
from xpnet.checks import dtype_name
from xpnet.equations.parameters import Layers, layout
from xpnet.errors import CheckpointError, quoted
from xpnet.files.container import blaming
from xpnet.files.jsonable import text_of
from xpnet.files.load import network_of
from xpnet.files.saved_tensors import named_stats
from xpnet.network import Network
from xpnet.ranges import is_count
from xpnet.training.run_state import RunState
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.equations.activation import Activation
    from xpnet.files.checkpoint import Checkpoint
    from xpnet.losses import Loss

__all__ = ["networks_of"]


def networks_of(
    found: Checkpoint,
    backend: str | Backend,
    device: Any,
    dtype: Any,
    custom: tuple[Activation | Loss, ...],
) -> list[Network]:
    """Every network of a checkpoint; see `Checkpoint.network` and `Checkpoint.stack`."""
    settings, on = found.network_settings, get_backend(backend, device)
    with blaming(found.path, "is not a checkpoint that can be used", CheckpointError):
        stored = text_of(settings, "dtype")
        first = network_of(settings, custom, on, stored if dtype is None else dtype_name(dtype))
        each = _members(*_numbers(found.state))
        nets = [copy.copy(first) for _ in each]
        for net, seed in zip(nets, _seeds(found, len(each)), strict=True):
            net.seed = seed
        for net, numbers in zip(nets, each, strict=True):
            _check_numbers(first.layers, *numbers, finite=len(each) == 1)
            net.take(*(_moved(on, x, net.dtype) for x in numbers))
    return nets


def _seeds(found: Checkpoint, n: int) -> list[int]:
    """The seed of each of n networks."""
    given = found.settings.get("seeds")
    if given is None:
        return [found.network_settings["seed"]] * n
    if not isinstance(given, list) or len(given) != n or not all(map(is_count, given)):
        raise ValueError(f"its seeds must be {n} integers, got {quoted(given)}")
    return given


def _numbers(state: RunState) -> tuple[Host, tuple[Host, ...]]:
    """The parameters and the statistics to return; those of ended networks are of their end."""
    if state.finished and state.best is not None and state.best.theta is not None:
        return state.best.theta, state.best.statistics
    if state.final is None:
        return state.parameters, state.statistics
    ended = np.zeros(len(state.theta), dtype=bool)
    ended[list(state.history.ended)] = True
    theta = np.where(ended[:, None], state.final[0], state.parameters)
    stats = zip(state.final[1], state.statistics, strict=True)
    return theta, tuple(np.where(ended[:, None, None], old, new) for old, new in stats)


def _members(theta: Host, statistics: tuple[Host, ...]) -> list[tuple[Host, tuple[Host, ...]]]:
    """θ (P,) and the statistics of each network."""
    if theta.ndim == 1:
        return [(theta, statistics)]
    return [(theta[r], tuple(stat[r] for stat in statistics)) for r in range(len(theta))]


def _check_numbers(
    layers: Layers, theta: Host, statistics: tuple[Host, ...], finite: bool = True
) -> None:
    """Check θ and the statistics by the layers: their shapes, and, if asked, that all are finite.

    A network of a stack may have diverged.
    """
    wanted = [(layout(layers).size,), *((1, n) for _, n in named_stats(layers))]
    found = [x.shape for x in (theta, *statistics)]
    if wanted != found:
        raise ValueError(f"θ and the statistics must have the shapes {wanted}, got {found}")
    if finite and not all(np.isfinite(x).all() for x in (theta, *statistics)):
        raise ValueError("it has parameters or statistics that are NaN or infinite")


def _moved(on: Backend, x: Any, dtype: str) -> Any:
    """An array, or a tuple of them, on the device."""
    if isinstance(x, tuple):
        return tuple(_moved(on, each, dtype) for each in x)
    return move(on, x.astype(dtype))

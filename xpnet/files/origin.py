"""What a fit began with: a checkpoint is gone on from only with the parameters of its beginning.

In the process of an interrupted fit, the network has the parameters that the fit left it. So it
remembers these and those of the beginning, by their hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.files.fingerprint import fingerprint
from xpnet.training.kept_optimizer import kept_by

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["Start", "begun_with", "remember", "start_of"]

_MARK = "_origin"


class Start(NamedTuple):
    """What a network has when a fit begins.

    Attributes
    ----------
    parameters : dict
        Shape and dtype of θ; SHA-256 of θ, the statistics, and the optimizer's state if the fit
        goes on with one.
    epoch : int
        The network's count of whole epochs.
    """

    parameters: dict[str, Any]
    epoch: int


class _Origin(NamedTuple):
    """What the last fit with a checkpoint began with, and what it left the network."""

    start: Start
    end: Start


def start_of(net: NetworkState) -> Start:
    """What the network has now."""
    kept, more = kept_by(net), ()
    if kept is not None and kept.goes_on:
        more = np.asarray([kept.steps]), *kept.arrays
    return Start(fingerprint(net.parameters, *net.statistics, *more), net.epoch)


def begun_with(net: NetworkState, found: Start) -> Start:
    """``found``, if a fit that began with it left the network as it is; else what it has now."""
    now = start_of(net)
    return found if net.__dict__.get(_MARK) == _Origin(found, now) else now


def remember(net: NetworkState, start: Start) -> None:
    """Note in the network what the fit began with that has ended now."""
    net.__dict__[_MARK] = _Origin(start, start_of(net))

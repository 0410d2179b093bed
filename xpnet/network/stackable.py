"""What the networks of a stack may differ in, checked before a stack is made or trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from xpnet import checks
from xpnet.backends import to_numpy
from xpnet.equations.penalties import EachPenalty, Penalty, as_penalty
from xpnet.errors import quoted
from xpnet.layers.build import Specification
from xpnet.layers.each_rate import merged, of_network
from xpnet.network.network import Network
from xpnet.ranges import items
from xpnet.training.settings import Settings
from xpnet.typing import Host

__all__ = [
    "OwnSettings",
    "check_settings",
    "merged_network",
    "networks_of",
    "penalties_of",
    "penalty_groups",
    "rates_of",
]

_ALIKE = (
    "sizes",
    "loss",
    "plan.output",
    "backend",
    "dtype",
    "epoch",
    "classes",
    "feature_names",
)


class OwnSettings(NamedTuple):
    """What a network has of its own, besides θ and statistics."""

    seed: int
    initializer: str | None
    plan: Specification


def networks_of(networks: Any) -> tuple[Network, ...]:
    """Return the networks; raise if their settings differ."""
    if isinstance(networks, Network) or not isinstance(networks, Iterable):
        raise TypeError(f"a Stack takes a sequence of networks, got {quoted(networks)}")
    given = tuple(items("a Stack takes a sequence of networks", networks))
    if not given:
        raise ValueError("a Stack needs at least one network")
    for r, net in enumerate(given):
        if not isinstance(net, Network):
            raise TypeError(f"networks[{r}] must be an xpnet.Network, got {quoted(net)}")
        for name in _ALIKE:
            first, own = map(attrgetter(name), (given[0], net))
            if first != own:
                raise _different(r, name.removeprefix("plan."), own, first)
    return given


def merged_network(networks: Sequence[Network]) -> Network:
    """The first network, with all networks' rates of dropout; ValueError if other layers differ."""
    net = networks[0].as_written()
    if all(each.layers == net.layers for each in networks):
        return net
    chain = merged([each.plan.layers for each in networks])
    net.restore(net.plan._replace(layers=chain), net.epoch, net.classes, net.feature_names)
    for r, each in enumerate(networks):
        if each.layers != of_network(net.layers, r):
            raise _different(r, "layers", each.layers, networks[0].layers)
    return net


def _different(r: int, what: str, own: object, first: object) -> ValueError:
    return ValueError(
        f"networks[{r}] has a different {what} than networks[0]: {quoted(own)}, not "
        f"{quoted(first)}; the networks of a stack may differ only in their parameters, seeds and "
        "rates of dropout"
    )


def penalties_of(given: Any, n: int) -> Penalty | EachPenalty | None:
    """The penalties of n networks, from a sequence; None if it is not one."""
    if given is None or isinstance(given, Penalty) or not isinstance(given, Sequence):
        return None
    each = [as_penalty(p) for p in given]
    if len(each) != n:
        raise ValueError(f"penalty must be one, or {n}, one for each network; got {len(each)}")
    groups = penalty_groups(each)
    if len(groups) > 1:
        first, second = (
            next((each[r] for r in group if _kind(each[r])), None) for group in groups[:2]
        )
        raise ValueError(
            f"the penalties of a stack may differ only in l1 and l2, got {first!r} and {second!r}: "
            "train a stack for each of the two kinds"
        )
    like = next((p for p in each if _kind(p)), Penalty())
    if type(like) is not Penalty:
        return like
    return EachPenalty.of([p or like._replace(l1=0.0, l2=0.0) for p in each])


def penalty_groups(each: Sequence[Penalty | None]) -> list[list[int]]:
    """The places of the penalties that the networks of one stack can have, stack by stack."""
    kinds = [_kind(penalty) for penalty in each]
    plain = next((kind for kind in kinds if isinstance(kind, tuple)), None)
    groups: dict[Any, list[int]] = {}
    for r, kind in enumerate(kinds):
        groups.setdefault(kind or plain, []).append(r)
    return list(groups.values())


def _kind(penalty: Penalty | None) -> Any:
    """What the penalties of a stack have in common: not only l1 and l2 if the class is a user's.

    No penalty, None, is of every kind but these.
    """
    if penalty is None or type(penalty) is not Penalty:
        return penalty
    return (penalty.biases, penalty.of_sum) if penalty.l1 or penalty.l2 else None


def rates_of(learning_rate: Any, n: int) -> Host | None:
    """A learning rate for each of n networks, a column (n, 1); None if there is one for all."""
    if callable(learning_rate) or np.ndim(learning_rate) == 0:
        return None
    rates = to_numpy(checks.real("learning_rate", learning_rate)).astype(np.float64)
    if rates.shape != (n,):
        raise ValueError(
            f"learning_rate must be one number, a schedule, or ({n},), one for each network; got "
            f"the shape {rates.shape}"
        )
    if not np.all(np.isfinite(rates)) or np.any(rates < 0):
        raise ValueError(f"learning rates must be finite and ≥ 0, got {quoted(rates.tolist())}")
    return rates[:, None]


def check_settings(settings: Settings) -> None:
    """Raise ValueError for settings that depend on the loss of a single network."""
    from xpnet import schedules

    optimizer = settings.optimizer
    name = type(optimizer).__name__
    if getattr(optimizer, "full_batch", False):
        raise ValueError(
            f"{name} needs a separate line search for each network, so it cannot train a stack. "
            "Use an optimizer that takes batches, or train each stack[r] separately"
        )
    if hasattr(schedules.bind(optimizer.learning_rate, 1, 1), "observe"):
        raise ValueError(
            f"{type(optimizer.learning_rate).__name__} watches the loss of one network: give a "
            "stack a different schedule, or a learning rate for each network"
        )

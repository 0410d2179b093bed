"""The optimizer's state that a network keeps after a fit, so that a model file can have it.

A fit begins with a fresh state. A network that was loaded with one goes on with it, in this fit and
in later ones: the moments stay, and the count of steps, on which a correction of bias depends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from xpnet.backends import to_numpy
from xpnet.errors import warn

if TYPE_CHECKING:
    from xpnet.engines.step import State
    from xpnet.network.state import NetworkState
    from xpnet.training.settings import Settings

__all__ = ["MARK", "KeptOptimizer", "begun", "forget", "keep_state", "kept_by", "plain_settings"]

MARK = "_optimizer"
"""The attribute of a network."""


class KeptOptimizer(NamedTuple):
    """The state of an optimizer after a fit.

    Attributes
    ----------
    optimizer : optimizer, or dict
        As it was given to the fit, or its settings out of a file.
    arrays : tuple of arrays
        On the device of the fit, or on the host.
    steps : int
        All steps that the optimizer has done.
    goes_on : bool
        Whether later fits go on with it.
    """

    optimizer: Any
    arrays: tuple[Any, ...]
    steps: int
    goes_on: bool = False

    def settings(self) -> dict[str, Any]:
        """The optimizer's settings without the learning rate, as plain JSON."""
        if isinstance(self.optimizer, dict):
            return self.optimizer
        return plain_settings(self.optimizer)

    def on_host(self, dtype: str | None = None) -> KeptOptimizer:
        """The same, with settings as plain JSON and arrays on the host."""
        arrays = tuple(to_numpy(x) for x in self.arrays)
        if dtype is not None:
            arrays = tuple(x.astype(dtype) for x in arrays)
        return self._replace(optimizer=self.settings(), arrays=arrays)


def kept_by(net: NetworkState) -> KeptOptimizer | None:
    """The state that the last fit of one network left, or a file; None if there is none."""
    found: KeptOptimizer | None = net.__dict__.get(MARK)
    return found


def plain_settings(optimizer: Any) -> dict[str, Any]:
    """An optimizer's settings without its learning rate, as plain JSON."""
    import json

    from xpnet.files.plain import plain  # of use only here, and a floor above
    from xpnet.optimizers import with_learning_rate

    found: dict[str, Any] = json.loads(json.dumps(plain(with_learning_rate(optimizer, 0.0))))
    return found


def begun(net: NetworkState, settings: Settings, fresh: State) -> tuple[State, int]:
    """The state in which a fit begins, and how many steps the optimizer has done before it.

    Raises
    ------
    CheckpointError
        The network was loaded with arrays that do not fit the optimizer and the layers.
    """
    kept = kept_by(net)
    if kept is None or not kept.goes_on:
        return fresh, 0
    from xpnet.files.plain import completed
    from xpnet.training.resumed import like

    if completed(kept.settings()) != plain_settings(settings.optimizer):
        warn(
            f"the network was loaded with the state of {kept.settings()['name']!r}, but this fit "
            "has a different optimizer, or different settings: it begins anew"
        )
        return fresh, 0
    hosts = kept.on_host().arrays
    moments = like(net.backend, "the optimizer", fresh.optimizer, hosts)
    return fresh._replace(optimizer=tuple(moments)), kept.steps


def keep_state(net: NetworkState, settings: Settings, state: State, steps: int) -> None:
    """Keep copies of the optimizer's arrays; those of a stack are not kept."""
    if net.parameters.ndim != 1:
        return
    kept, xp = kept_by(net), net.backend.xp
    arrays = tuple(xp.asarray(x, copy=True) for x in state.optimizer)
    goes_on = kept is not None and kept.goes_on
    net.__dict__[MARK] = KeptOptimizer(settings.optimizer, arrays, steps, goes_on)


def forget(net: NetworkState) -> None:
    """Drop the state of an earlier fit, after one whose optimizer keeps none."""
    net.__dict__.pop(MARK, None)

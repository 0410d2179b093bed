"""One fit of a network at a time, and the network's state after a fit that ends in an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING

from xpnet.errors import DivergenceError
from xpnet.training.fit_owner import FitOwner
from xpnet.training.signals import check_stopped

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["Kept", "one_fit"]


class Kept:
    """The state to which the network returns if the fit raises.

    It is the state after the last complete epoch, or before the first one the state before the fit:
    neither Ctrl-C nor a callback's error costs the epochs that are done. After a `DivergenceError`,
    and if a setting turns out to be wrong (`refusing`), it is always the state before the fit.
    """

    def __init__(self, net: NetworkState) -> None:
        self._net, self._first_epoch = net, net.epoch
        self._before = self._last = net.__dict__.copy()

    def keep(self) -> None:
        """Make the present state the one to return to."""
        self._last = self._net.__dict__.copy()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Within this context, an error means a wrong setting, so the whole fit is undone."""
        try:
            yield
        except Exception:
            self._last = self._before
            raise

    def put_back(self, error: BaseException) -> None:
        """Restore the network after an error; a note on the error says how many epochs are kept."""
        diverged = isinstance(error, DivergenceError)
        self._net.__dict__.update(self._before if diverged else self._last)
        if n := self._net.epoch - self._first_epoch:
            error.add_note(f"the network keeps the {n} whole epoch{'s' * (n > 1)} of this fit")


@contextmanager
def one_fit(net: NetworkState) -> Iterator[Kept]:
    """Reserve the network for this fit; RuntimeError if it is in a fit already.

    After a signal that `stop_on_signals` handles, no fit begins.
    """
    check_stopped()
    own = FitOwner(os.getpid(), get_ident())
    owner = net.__dict__.setdefault("_fit", own)  # atomic: two threads may arrive together
    if owner is not own and owner.is_here():
        raise RuntimeError(
            f"the network is already in a fit, {owner.where()}: of two fits at the same time, "
            f"one would be lost. {owner.remedy()} (net.to(), copy.copy(stack))"
        )
    net.__dict__["_fit"] = own
    try:
        kept = Kept(net)
        try:
            yield kept
        except BaseException as error:
            kept.put_back(error)
            raise
    finally:
        net.__dict__.pop("_fit", None)

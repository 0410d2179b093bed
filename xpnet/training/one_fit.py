"""A network's fit: one at a time, and what it leaves where something ends it by an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING

from xpnet.errors import DivergenceError
from xpnet.training.fit_owner import FitOwner

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["Kept", "one_fit"]


class Kept:
    """What the network is put back to when something is raised.

    That is what it was after the last whole epoch, before the first one as the fit found it: so
    neither Ctrl-C nor a callback's error costs the epochs that are done. After a `DivergenceError`,
    and where a setting turns out to be wrong (`refusing`), it is always the latter.
    """

    def __init__(self, net: NetworkState) -> None:
        self._net, self._first_epoch = net, net.epoch
        self._before = self._last = net.__dict__.copy()

    def keep(self) -> None:
        """Come back to the present state from now on."""
        self._last = self._net.__dict__.copy()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Within it, an error is one of a setting, of which no epoch should have been made."""
        try:
            yield
        except Exception:
            self._last = self._before
            raise

    def put_back(self, error: BaseException) -> None:
        """After an error; a note on it says what is kept."""
        diverged = isinstance(error, DivergenceError)
        self._net.__dict__.update(self._before if diverged else self._last)
        if n := self._net.epoch - self._first_epoch:
            error.add_note(f"the network keeps the {n} whole epoch{'s' * (n > 1)} of this fit")


@contextmanager
def one_fit(net: NetworkState) -> Iterator[Kept]:
    """Within it the network belongs to this fit alone; RuntimeError where it is in one already."""
    own = FitOwner(os.getpid(), get_ident())
    owner = net.__dict__.setdefault("_fit", own)  # at once: two threads may come together
    if owner is not own and owner.is_here():
        raise RuntimeError(
            f"the network is in a fit already, {owner.where()}: two at once would lose one's work. "
            f"{owner.remedy()} (net.to(), copy.copy(stack))"
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

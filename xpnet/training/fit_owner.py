"""The owner of the fit that a network is in; a network is in one fit at a time."""

from __future__ import annotations

import os
from threading import get_ident
from typing import NamedTuple

__all__ = ["FitOwner"]


class FitOwner(NamedTuple):
    """The process and thread of a network's fit: its attribute ``_fit`` while the fit lasts."""

    process: int
    thread: int

    def is_here(self) -> bool:
        """Whether the fit runs in this process; a forked child inherits only its mark."""
        return self.process == os.getpid()

    def where(self) -> str:
        """Say for a message where the fit runs."""
        return "whose callback this is" if self.is_own() else "in another thread"

    def remedy(self) -> str:
        """Say for a message how to start another fit; a callback would wait forever."""
        return "Train a copy" if self.is_own() else "Wait until that fit has ended, or train a copy"

    def is_own(self) -> bool:
        """Whether the fit runs in this thread."""
        return self.thread == get_ident()

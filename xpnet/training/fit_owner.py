"""Whose fit a network is in: one at a time."""

from __future__ import annotations

import os
from threading import get_ident
from typing import NamedTuple

__all__ = ["FitOwner"]


class FitOwner(NamedTuple):
    """Whose fit a network is in: ``_fit`` of its attributes, while it lasts."""

    process: int
    thread: int

    def is_here(self) -> bool:
        """Whether it goes on in this process: a fork leaves another thread's fit behind."""
        return self.process == os.getpid()

    def where(self) -> str:
        """For a message."""
        return "whose callback this is" if self.is_own() else "in another thread"

    def remedy(self) -> str:
        """For a message: what who wants another fit may do; a callback waits in vain."""
        return "Train a copy" if self.is_own() else "Wait until that fit has ended, or train a copy"

    def is_own(self) -> bool:
        """Whether it is a fit of this very thread."""
        return self.thread == get_ident()

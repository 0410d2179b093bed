"""The classes that a user holds: `Network`, and `Stack` for several of them."""

from __future__ import annotations

from xpnet.network.network import Network
from xpnet.network.stack import Stack

__all__ = ["Network", "Stack"]

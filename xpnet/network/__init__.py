"""The classes that a user holds: `Network`, and `Stack` for several of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpnet.network.network import Network
from xpnet.when_used import when_used

if TYPE_CHECKING:
    from xpnet.network.stack import Stack

__all__ = ["Network", "Stack"]

if not TYPE_CHECKING:
    _MODULES = ("gradient_check", "rate_range", "stack")
    __getattr__ = when_used(__name__, _MODULES, {"Stack": "stack"})


def __dir__() -> list[str]:
    return list(__all__)

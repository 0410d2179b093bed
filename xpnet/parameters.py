"""The former place of `Layout`, for code that imports it from here: it is in `xpnet.optimizers`."""

from __future__ import annotations

from xpnet.equations.parameters import Layout

__all__ = ["Layout"]

"""The former module of `Layout`, kept for code that imports it here; see `xpnet.optimizers`."""

from __future__ import annotations

from xpnet.equations.parameters import Layout

__all__ = ["Layout"]

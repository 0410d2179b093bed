"""Training: the loop around the passes, and what it records."""

from __future__ import annotations

from xpnet.training.history import History

__all__ = ["History"]

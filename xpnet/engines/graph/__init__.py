"""Record a step as a graph of operations, and plan its loops and their memory."""

from __future__ import annotations

__all__: list[str] = []

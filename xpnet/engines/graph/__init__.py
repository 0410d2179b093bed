"""A step, recorded as a graph of operations, and planned: groups of loops, and their memory."""

from __future__ import annotations

__all__: list[str] = []

"""Writes a planned step as loops that numba compiles, and runs them on one or more threads."""

from __future__ import annotations

__all__: list[str] = []

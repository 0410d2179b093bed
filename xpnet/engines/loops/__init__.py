"""A planned step as loops that numba compiles, and the threads that share them."""

from __future__ import annotations

__all__: list[str] = []

"""The mathematics of a network: passes, activations, penalties, θ, and the streams of numbers.

Nothing is imported here, so that any of it can be imported alone.
"""

from __future__ import annotations

__all__: list[str] = []

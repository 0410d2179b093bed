"""What follows from the passes: gradients with respect to θ, and later other derivatives."""

from __future__ import annotations

__all__: list[str] = []

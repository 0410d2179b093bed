"""Derivatives by means of the passes: so far, gradients with respect to θ."""

from __future__ import annotations

__all__: list[str] = []

"""Save and load model files: a network's numbers and settings in one safetensors file."""

from __future__ import annotations

__all__: list[str] = []

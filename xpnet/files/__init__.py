"""Model files: names, numbers and settings in one safetensors file, saved and loaded."""

from __future__ import annotations

__all__: list[str] = []

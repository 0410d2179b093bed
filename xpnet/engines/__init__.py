"""The engines run the steps of a fit: one by one, streamed, as compiled loops or CUDA kernels."""

from __future__ import annotations

__all__: list[str] = []

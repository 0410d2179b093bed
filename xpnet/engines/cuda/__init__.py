"""Run a planned step as CUDA kernels and cuBLAS products."""

from __future__ import annotations

__all__: list[str] = []

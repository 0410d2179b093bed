"""A planned step as CUDA kernels and products of cuBLAS."""

from __future__ import annotations

__all__: list[str] = []

"""How the steps of a fit are run: one by one, streamed, as compiled loops, as CUDA kernels."""

from __future__ import annotations

__all__: list[str] = []

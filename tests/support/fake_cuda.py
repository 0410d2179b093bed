"""Whether CuPy runs on the fake CUDA (ci/fake_cuda)."""

from __future__ import annotations

import os

__all__ = ["is_fake"]


def is_fake() -> bool:
    """Whether CuPy runs on the fake CUDA in this process."""
    return "FAKE_CUDA" in os.environ

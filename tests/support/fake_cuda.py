"""The tests that CuPy cannot run on the fake CUDA (ci/fake_cuda), each with the reason."""

from __future__ import annotations

import os

__all__ = ["LEFT_OUT", "is_fake"]

LEFT_OUT: dict[str, str] = {}
"""Names of test functions; only their cases on CuPy are left out."""


def is_fake() -> bool:
    """Whether CuPy runs on the fake CUDA in this process."""
    return "FAKE_CUDA" in os.environ

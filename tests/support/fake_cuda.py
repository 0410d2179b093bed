"""The tests that CuPy cannot run on the fake CUDA (ci/fake_cuda), each with the reason."""

from __future__ import annotations

import os

__all__ = ["LEFT_OUT", "is_fake"]

_EIGH = "eigh is computed by cuSOLVER, which the fake CUDA does not have"
LEFT_OUT = {
    "test_of_one_linear_layer_the_ggn_block_is_exact": _EIGH,
    "test_of_one_example_every_block_is_exact": _EIGH,
}
"""Names of test functions; only their cases on CuPy are left out."""


def is_fake() -> bool:
    """Whether CuPy runs on the fake CUDA in this process."""
    return "FAKE_CUDA" in os.environ

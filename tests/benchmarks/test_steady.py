"""Memory is flat over many steps and predictions; `python -m benchmarks steady` does a million."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support.helpers import needs_numba
from tests.support.processes import python

pytestmark = [
    pytest.mark.slow,
    # other systems do not say there how much memory a process has
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has"),
]


def grows(kind, n):
    """Return the bytes by which a process of its own grows with each step or prediction."""
    counts = ("--steps", str(n), "--predictions", str(n))
    done = python("-m", "benchmarks", "steady", "--kind", kind, *counts)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])["bytes each"]


def test_predictions_take_no_memory():
    assert grows("predictions", 20_000) < 0.5


def test_plain_steps_grow_by_the_history():
    assert grows("plain", 20_000) <= 8.5


@needs_numba
def test_compiled_steps_grow_by_the_history():
    assert 7.5 < grows("compiled", 500_000) <= 8.5

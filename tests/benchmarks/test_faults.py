"""A few of the kills and damaged files of `python -m benchmarks faults`, which has many more."""

from __future__ import annotations

import json

import pytest

from tests.support.helpers import needs_fork
from tests.support.processes import python


@needs_fork
@pytest.mark.slow
def test_nothing_is_lost_and_nothing_gets_in(tmp_path):
    out = tmp_path / "faults.json"
    command = ("-m", "benchmarks", "faults", "--kills", "20", "--cases", "700")
    done = python(*command, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["kills"]["kills"] == 20
    assert found["kills"]["wrong"] == found["damage"]["wrong"] == []
    assert sum(sum(each.values()) for each in found["damage"]["outcomes"].values()) == 700

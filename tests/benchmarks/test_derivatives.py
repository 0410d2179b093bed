"""The benchmark of derivatives: every figure is of results that were compared first."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from benchmarks import derivatives
from benchmarks.__main__ import main


def test_each_derivative_is_timed_and_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(derivatives, "PEERS", {})  # JAX would compile each function
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    assert main(["derivatives", "--quick", "--out", str(tmp_path / "d.json")]) == 0
    if before is not None:
        assert os.sched_getaffinity(0) == before
    found = json.loads((tmp_path / "d.json").read_text())
    names = [list(case["derivatives"]) for case in found["cases"]]
    assert names == [list(case.derivatives) for case in derivatives.CASES]
    assert capsys.readouterr().out.count(" gradients") == sum(map(len, names))


def test_ratios_are_of_medians():
    row = derivatives._row({"gradient": [1.0, 9.0, 2.0], "xpnet": [4.0], "jax": [8.0, 8.0, 1.0]})
    assert row["over_own_gradient"] == 2.0
    assert row["over_peers"] == {"jax": 0.5}


def test_a_peer_that_computes_something_else_is_an_error():
    theta = np.arange(1.0, 7.0)
    peer = [(theta[:4].reshape(2, 2), theta[4:])]
    derivatives.check_equal("hvp", "torch", theta, peer)
    with pytest.raises(AssertionError, match="hvp: xpnet and torch differ by 1"):
        derivatives.check_equal("hvp", "torch", theta * 2, peer)

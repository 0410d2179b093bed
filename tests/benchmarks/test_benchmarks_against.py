"""`python -m benchmarks cpu --against`: its statistics, and each process imports its own xpnet."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.against import ENGINES, compared, judged, sources
from benchmarks.peers import CONTENDERS, VARIANTS
from benchmarks.worker import Job
from benchmarks.workloads import WORKLOADS
from tests.support.helpers import ROOT
from tests.support.processes import python


def pairs(ratio, noise, rounds=15, shared=0.0):
    """Return invented rounds: slow moments affect both checkouts, and each has separate noise."""
    rng = np.random.default_rng(3)
    slow = np.exp(shared * rng.normal(size=rounds))
    this, other = (slow * np.exp(noise * rng.normal(size=rounds)) for _ in range(2))
    return list(zip((ratio * this).tolist(), other.tolist(), strict=True))


def test_the_ratio_is_that_of_the_medians():
    assert judged([(2.0, 1.0), (3.0, 2.0), (30.0, 4.0)])["ratio"] == 1.5


@pytest.mark.parametrize(
    ("ratio", "noise", "accepted"),
    [(1.0, 0.01, True), (1.015, 0.005, True), (1.03, 0.005, False), (0.5, 0.1, True)],
)
def test_a_slower_checkout_is_not_accepted(ratio, noise, accepted):
    found = judged(pairs(ratio, noise))
    assert found["accepted"] is accepted
    assert found["interval"][0] <= found["ratio"] <= found["interval"][1]


def test_an_interval_that_ends_above_its_limit_is_not_accepted():
    found = judged([(1.0, 1.0)] * 8 + [(1.3, 1.0)] * 7)
    assert found["ratio"] == 1.0
    assert found["interval"][1] == 1.3
    assert not found["accepted"]


def test_the_interval_has_its_ninety_percent():
    """It reaches 1.645 standard errors each way: σ √(π / n) for a log ratio of two medians."""
    lower, upper = judged(pairs(1.0, 0.02, rounds=401))["interval"]
    expected = 1.645 * 0.02 * (np.pi / 401) ** 0.5
    assert np.log(upper / lower) / 2 == pytest.approx(expected, rel=0.35)


def test_slow_moments_meet_both():
    """Rounds are resampled as pairs; separate figures would let shared noise widen the interval."""
    lower, upper = judged(pairs(1.0, 0.001, rounds=31, shared=0.3))["interval"]
    apart = [(a, b) for (a, _), (_, b) in zip(
        pairs(1.0, 0.001, 31, 0.3), pairs(1.0, 0.001, 31, 0.3)[::-1], strict=True
    )]  # fmt: skip
    low, up = judged(apart)["interval"]
    assert upper / lower < up / low


@pytest.mark.slow
def test_each_process_imports_its_own_xpnet_and_this_harness(tmp_path):
    (tmp_path / "xpnet").mkdir()
    (tmp_path / "xpnet" / "__init__.py").write_text("mark = 1\n")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("raise ImportError\n")
    code = "import xpnet, benchmarks; print(hasattr(xpnet, 'mark'), benchmarks.__file__)"
    with sources(this=ROOT, other=tmp_path) as environments:
        found = {
            name: python("-c", code, cwd=ROOT, check=True, **environment).stdout.split()
            for name, environment in environments.items()
        }
    harness = str(ROOT / "benchmarks" / "__init__.py")
    assert found == {"this": ["False", harness], "other": ["True", harness]}


@pytest.mark.slow
def test_this_checkout_beside_itself():
    job = Job("xpnet, plain", WORKLOADS[0], 0.01)
    with sources(this=ROOT, other=ROOT) as environments:
        found = compared(job, environments, 2, 2)
    assert found["rounds"] == len(found["this"]["seconds"]) == len(found["other"]["seconds"]) == 2
    assert 0.1 < found["ratio"] < 10


def test_a_folder_without_xpnet_ends_the_run(tmp_path):
    with pytest.raises(SystemExit, match=r"has no xpnet/__init__\.py"):
        main(["cpu", "--quick", "--against", str(tmp_path)])


@pytest.mark.slow
def test_a_checkout_that_cannot_be_measured_ends_the_run(tmp_path):
    (tmp_path / "xpnet").mkdir()
    (tmp_path / "xpnet" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    with pytest.raises(SystemExit, match="broken"):
        main(["cpu", "--quick", "--engines", "plain", "--against", str(tmp_path)])


def test_every_engine_is_a_contender():
    assert set(ENGINES.values()) <= {*CONTENDERS, *VARIANTS}

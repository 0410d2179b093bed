"""The benchmark of the estimators: both libraries are scored on the same rows, and fits in turn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import estimators
from benchmarks.__main__ import main
from benchmarks.tabular.sources import Table
from tests.support.helpers import ROOT, needed

needed("sklearn")
needed("pandas")
needed("threadpoolctl")

FOUND = json.loads((ROOT / "benchmarks" / "results" / "estimators.json").read_text())
RNG = np.random.default_rng(0)


def table(source, folder):
    """Sixty rows in place of the table in its archive."""
    x = RNG.normal(size=60)
    kinds = np.where(RNG.random(60) < 0.5, "a", "b")
    target = x if source.task == "regression" else np.where(x > 0, "yes", "no")
    rows = np.stack([x.astype(str), kinds, target.astype(str)], axis=1)
    return Table(["x", "kind", source.target], rows.tolist())


@pytest.mark.parametrize("name", ["german", "SLID"])
def test_both_libraries_have_the_same_scores(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(estimators, "read", table)
    monkeypatch.setattr(estimators, "_times", lambda rounds, quick: ())
    out = tmp_path / "found.json"
    given = ["--seeds", "2", "--tables", name, "--out", str(out)]
    assert main(["estimators", *given]) == 0
    scores = json.loads(out.read_text())["scores"][name]
    assert len(scores["xpnet"]) == 2
    np.testing.assert_allclose(scores["xpnet"], scores["scikit-learn"], atol=1e-9)
    assert max(scores["xpnet"]) > 0.5
    assert name in capsys.readouterr().out


def test_fits_take_turns(monkeypatch):
    called = []
    fits = {name: lambda name=name: called.append(name) for name in ("scikit-learn", "plain")}
    found = estimators._timed(fits, 3, 1)
    assert called == ["scikit-learn", "plain"] * 4
    assert [len(own) for own in found["processor seconds"].values()] == [3, 3]
    assert found["ratios"]["scikit-learn"] == 1.0


def test_the_committed_scores_are_within_noise():
    """The means over seeds differ by less than their standard error."""
    assert len(FOUND["scores"]) >= 4
    for scores in FOUND["scores"].values():
        ours, theirs = np.array(scores["xpnet"]), np.array(scores["scikit-learn"])
        assert len(ours) == len(theirs) == 10
        assert abs(ours.mean() - theirs.mean()) < np.std(theirs) / np.sqrt(10)


def test_the_docs_say_what_the_results_show():
    text = " ".join((ROOT / "docs" / "performance.md").read_text().split())
    for data, found in FOUND["times"].items():
        row = f"| {data} | {found['ratios']['plain']:.2f} | {found['ratios']['compiled']:.2f} |"
        assert row in text

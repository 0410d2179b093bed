"""What the docs say of tables is what the committed results show."""

from __future__ import annotations

import json
import re

from tests.support.helpers import ROOT

FOUND = json.loads((ROOT / "benchmarks" / "results" / "tables.json").read_text())


def test_the_figures_of_the_readme_are_those_of_the_results():
    """The program writes the sentences; these are their figures, looked up independently."""
    text = " ".join((ROOT / "README.md").read_text().split())
    ours, beside = FOUND["contenders"]["xpnet"], FOUND["pairs"]["xpnet"]
    said = re.search(r"On (\d+) real tables, .* than scikit-learn's MLP on (\d+)\.", text)
    assert [int(n) for n in said.groups()] == [15, beside["scikit-learn MLP"]["better"]]
    said = re.search(
        r"normalised error is (\S+) \(gradient-boosted trees (\S+), RealMLP (\S+?)[,)]", text
    )
    errors = [
        FOUND["contenders"][n]["normalised_error"] for n in ("HistGradientBoosting", "RealMLP-TD")
    ]
    assert list(said.groups()) == [f"{e:.3f}" for e in (ours["normalised_error"], *errors)]
    said = re.search(r"A training takes (\S+) times the CPU time of RealMLP\.", text)
    assert said[1] == f"{beside['RealMLP-TD']['cpu_ratio']:.2g}"


def test_one_spoiled_cell_changes_no_score_by_more_than_its_spread():
    spoiled = FOUND["spoiled"]["xpnet"]
    assert len(spoiled) >= 8
    assert all(row["splits"] == 3 and row["within"] for row in spoiled.values())


def test_all_of_diamonds():
    """R² of all rows at least 0.975; the error is the RMSE over the standard deviation."""
    row = FOUND["tables"]["diamonds (all rows)"]["xpnet"]
    assert 1 - row["error"][0] ** 2 >= 0.975

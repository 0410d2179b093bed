"""What the README says of tables is what the committed results show."""

from __future__ import annotations

import json
import re

from tests.support.helpers import ROOT

FOUND = json.loads((ROOT / "benchmarks" / "results" / "tables.json").read_text())
WORDS = {"an eighth": 1 / 8, "fifteen": 15}


def test_the_sentence_of_the_readme():
    text = " ".join((ROOT / "README.md").read_text().split())
    said = re.search(
        r"On fifteen real tables, .* less error than scikit-learn's MLP on (\d+), and a smaller "
        r"mean normalised error than gradient-boosted trees and RealMLP, of which it takes (an "
        r"eighth) of the CPU time \(\[one to three splits",
        text,
    )
    assert said
    ours, beside = FOUND["contenders"]["xpnet"], FOUND["pairs"]["xpnet"]
    assert (ours["tables"], beside["scikit-learn MLP"]["better"]) == (15, int(said[1]))
    for peer in ("HistGradientBoosting", "RealMLP-TD"):
        assert ours["normalised_error"] < FOUND["contenders"][peer]["normalised_error"]
    assert abs(beside["RealMLP-TD"]["cpu_ratio"] / WORDS[said[2]] - 1) < 0.15
    splits = {row["xpnet"]["splits"] for row in FOUND["tables"].values() if "xpnet" in row}
    assert (min(splits), max(splits)) == (1, 3)


def test_one_spoiled_cell_changes_no_score_by_more_than_its_spread():
    spoiled = FOUND["spoiled"]["xpnet"]
    assert len(spoiled) >= 8
    assert all(row["splits"] == 3 and row["within"] for row in spoiled.values())


def test_all_of_diamonds():
    """R² of all rows at least 0.975; the error is the RMSE over the standard deviation."""
    row = FOUND["tables"]["diamonds (all rows)"]["xpnet"]
    assert 1 - row["error"][0] ** 2 >= 0.975

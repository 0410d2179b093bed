"""The benchmark on real tables: its summary, pages and picture."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.pages import markdown
from benchmarks.pages import tabular as pages
from benchmarks.tabular import picture, report, summary
from benchmarks.tabular.runs import Run
from benchmarks.tabular.variants import HOLE, OUTLIER
from tests.support.helpers import needed

# --- the summary


def test_normalised_errors_are_0_for_the_best_and_1_for_the_worst():
    assert summary.normalised({"a": 0.2, "b": 0.3, "c": 0.6}) == pytest.approx(
        {"a": 0, "b": 0.25, "c": 1}
    )
    assert summary.normalised({"a": 0.2, "b": 0.2}) == {"a": 0, "b": 0}


def test_equal_errors_share_their_ranks():
    assert summary.ranks({"a": 0.3, "b": 0.1, "c": 0.3, "d": 0.9}) == {
        "a": 2.5,
        "b": 1,
        "c": 2.5,
        "d": 4,
    }


def test_ranks_and_friedman_are_those_of_scipy():
    stats = needed("scipy.stats")
    errors = np.random.default_rng(3).random((12, 5))
    each = [list(summary.ranks(dict(enumerate(row))).values()) for row in errors]
    assert each == stats.rankdata(errors, axis=1).tolist()
    expected = stats.friedmanchisquare(*errors.T)
    found = summary.friedman(np.mean(each, axis=0), len(errors))
    assert found["chi2"] == pytest.approx(expected.statistic, abs=1e-3)
    assert found["p"] == pytest.approx(expected.pvalue, rel=1e-2)


def test_the_critical_difference_is_that_of_demsar():
    needed("scipy.stats")
    # table 5a: q at 0.05 for 2, 5, 10 classifiers; section 3.2.2: 4 classifiers on 14 sets, 1.25
    for k, q in ((2, 1.960), (5, 2.728), (10, 3.164)):
        cd = summary.critical_difference(k, 20)
        assert cd == pytest.approx(q * math.sqrt(k * (k + 1) / 120), rel=2e-4)
    assert summary.critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)


def test_the_critical_difference_of_two_is_that_of_the_sign_test():
    """|R₁ − R₂| = |2w − N|/N exceeds CD just if |2w − N|/√N, the sign test's z, exceeds 1.96."""
    stats = needed("scipy.stats")
    assert summary.critical_difference(2, 25) == pytest.approx(stats.norm.ppf(0.975) / 5)


def line(error, seconds=1.0, **more):
    return {"error": error, "cpu_seconds": seconds, "wall_seconds": 1.0, "peak_bytes": 1e8, **more}


def invented():
    """Three tables; RealMLP on one split of one table; the command fails on another."""
    needed("scipy")
    errors = {
        "one": {"xpnet": (0.1, 0.2), "scikit-learn MLP": (0.3, 0.3), "linear": (0.5, 0.5)},
        "two": {"xpnet": (0.4,), "scikit-learn MLP": (0.2,), "linear": (0.6,)},
        "three": {"xpnet": (0.2,), "scikit-learn MLP": (0.2,), "linear": (0.2,)},
    }
    found = {
        Run(table, k, name): line(e, seconds=2.0 if name == "xpnet" else 1.0)
        for table, row in errors.items()
        for name, values in row.items()
        for k, e in enumerate(values)
    }
    found[Run("two", 0, "RealMLP-TD")] = line(0.3, seconds=20.0)
    found[Run("one", 0, "xpnet 0.1 command")] = line(0.1)
    found[Run("one", 1, "xpnet 0.1 command")] = {"failed": "ValueError: a hole"}
    found[Run("one (all rows)", 0, "xpnet")] = line(0.15, r2=0.9775)
    return found


def test_the_summary_has_the_means_of_the_tables():
    found = summary.summary(invented())
    assert found["tables"]["one"]["xpnet"]["error"] == [0.15, 0.07071]
    assert found["tables"]["one"]["xpnet"]["splits"] == 2
    overall = found["contenders"]
    # one: 0, 3/7, 1; two: 1/2, 0, 1 (RealMLP 1/4); three: all 0
    assert overall["xpnet"] == {"tables": 3, "normalised_error": 0.1667, "wins": 2}
    assert overall["scikit-learn MLP"] == {"tables": 3, "normalised_error": 0.1429, "wins": 2}
    assert overall["linear"] == {"tables": 3, "normalised_error": 0.6667, "wins": 1}
    assert overall["RealMLP-TD"] == {"tables": 1, "normalised_error": 0.25, "wins": 0}
    assert found["failed"] == {"xpnet 0.1 command": {"one": "ValueError: a hole"}}
    assert "xpnet 0.1 command" not in overall


def test_tables_are_in_the_order_of_their_sources():
    names = ["fifa", "other", "magic", "phoneme" + HOLE, "phoneme"]
    lines = {Run(name, 0, "linear"): line(0.5) for name in names}
    found = list(summary.summary(lines)["tables"])
    assert found == ["phoneme", "phoneme" + HOLE, "magic", "fifa", "other"]


def test_those_that_ran_everywhere_are_ranked():
    needed("scipy.stats")
    ranked = summary.summary(invented())["ranked"]
    # xpnet 1, 2, 2; the MLP 2, 1, 2; linear 3, 3, 2
    assert ranked["mean_ranks"] == {"xpnet": 1.667, "scikit-learn MLP": 1.667, "linear": 2.667}
    assert ranked["tables"] == 3
    # χ² = 12 · 3/(3 · 4) · (2 · 25/9 + 64/9 − 12) = 3 · 6/9
    assert ranked["friedman"]["chi2"] == 2.0


def test_pairs_are_compared_where_both_have_run():
    pairs = summary.summary(invented())["pairs"]["xpnet"]
    mlp = pairs["scikit-learn MLP"]
    assert (mlp["tables"], mlp["better"], mlp["cpu_ratio"]) == (3, 1, 2.0)
    assert mlp["error_ratio"] == pytest.approx((0.5 * 2 * 1) ** (1 / 3), abs=1e-4)
    assert mlp["normalised_errors"] == [0.1667, 0.1429]
    real = pairs["RealMLP-TD"]
    assert (real["tables"], real["better"], real["cpu_ratio"]) == (1, 0, 0.1)
    assert real["normalised_errors"] == [0.5, 0.25]


def test_contenders_are_compared_on_the_splits_that_all_have():
    found = invented()
    found[Run("one", 1, "HistGradientBoosting")] = line(0.1)
    figures = summary.summary(found)["tables"]["one"]
    assert figures["xpnet"]["error"] == [0.2, 0.0]
    assert {row["splits"] for row in figures.values()} == {1}


def test_a_spoiled_cell_is_compared_with_the_spread_of_the_same_splits():
    needed("scipy")
    found = {Run("t", k, "linear"): line(e) for k, e in enumerate((0.2, 0.4, 0.9))}
    found |= {Run("t" + OUTLIER, k, "linear"): line(e) for k, e in enumerate((0.3, 0.5))}
    found |= {Run("t" + HOLE, k, "linear"): line(e) for k, e in enumerate((0.2, 0.8))}
    found |= {Run("t", k, "xpnet"): line(0.5) for k in range(3)}
    rows = summary.summary(found)["spoiled"]
    assert list(rows) == ["linear"]
    outlier, hole = rows["linear"]["t" + OUTLIER], rows["linear"]["t" + HOLE]
    assert outlier == {"splits": 2, "change": 0.1, "spread": 0.1414, "within": True}
    assert (hole["change"], hole["within"]) == (0.2, False)
    lines = report.spoiled_lines({"spoiled": rows})
    assert lines == [
        "linear, one spoiled cell in the training rows of 2 tables: the error changed by more than "
        "the spread of splits on t (one hole)."
    ]


def test_the_pages_have_the_figures_of_the_summary(tmp_path, monkeypatch):
    needed("scipy.stats")
    monkeypatch.setattr(markdown, "RESULTS", tmp_path)
    assert tables.written(pages.tables_errors) == "Not measured yet."
    (tmp_path / "tables.json").write_text(json.dumps(summary.summary(invented())), encoding="utf-8")
    errors, means = pages.tables_errors(), pages.tables_means()
    spaced = errors.replace("\N{NO-BREAK SPACE}", " ")
    assert "| one | 2 | 0.150* ± 0.071 | 0.300 ± 0.000 | 0.500 ± 0.000 | – |" in spaced
    assert "R² on one (all rows): xpnet 0.9775." in errors
    assert "| xpnet | 3 | 0.167 | 2 | 1.67 | 2.0 |" in means
    assert "xpnet before this recipe failed on one (ValueError: a hole)." in means
    assert "| scikit-learn MLP | 3 | 1 | 1.000 | 0.167 / 0.143 | 2.00 |" in means
    assert "| one | 2.0 | 1.0 | 1.0 | – |" in pages.tables_seconds()
    names = ["xpnet", "scikit-learn MLP", "linear", "RealMLP-TD"]
    assert [line.split("**")[1] for line in pages.tables_contenders().splitlines()] == names


def test_tables_on_which_another_contender_is_better_are_listed_the_worst_first():
    needed("scipy.stats")
    found = {Run(t, 0, "xpnet"): line(0.2) for t in ("phoneme", "magic", "letter", "adult")}
    errors = {"phoneme": 0.19, "magic": 0.1, "letter": 0.199, "adult": 0.3}
    found |= {Run(t, 0, "linear"): line(e) for t, e in errors.items()}
    found |= {Run(t, 0, "xpnet quick"): line(0.01) for t in errors}  # our own is no rival
    found |= {Run("magic" + HOLE, 0, name): line(e) for name, e in (("xpnet", 1), ("linear", 0.1))}
    rows = report.behind_rows(summary.summary(found))[1]
    assert rows == [
        ["magic", "0.200", "0.100", "linear", "2.00"],
        ["phoneme", "0.200", "0.190", "linear", "1.05"],
    ]


def test_log_losses_are_those_of_tables_with_classes():
    needed("scipy.stats")
    found = {Run("magic", 0, "xpnet"): line(0.2, log_loss=0.5), Run("fifa", 0, "xpnet"): line(0.3)}
    found |= {
        Run("magic", 0, "linear"): line(0.1, log_loss=0.75),
        Run("fifa", 0, "linear"): line(1),
    }
    head, rows = report.log_loss_rows(summary.summary(found))
    assert head == ["table", "splits", "xpnet", "linear"]
    assert rows == [["magic", "1", "0.500*", "0.750"]]


def test_the_short_line_says_the_figures_whoever_is_ahead():
    found = invented()
    assert report.short_line(summary.summary(found)).splitlines() == [
        "On 3 real tables, `xpnet train data.csv --target COLUMN` has less error than "
        "scikit-learn's MLP on 1.",
        "Its mean normalised error is 0.167.",
        "On each table the best contender has the normalised error 0, and the worst has 1.",
        "A training takes 0.1 times the CPU time of RealMLP (on 1 of them).",
        "A table has 1 to 2 splits.",
    ]
    for table in ("one", "two", "three"):
        found[Run(table, 0, "RealMLP-TD")] = line(0.05, seconds=4.0)
    said = report.short_line(summary.summary(found))
    assert "(RealMLP 0.000)." in said
    ratio = summary.summary(found)["pairs"]["xpnet"]["RealMLP-TD"]["error_ratio"]
    assert (
        f"Its error is {ratio:.2f} times that of RealMLP, as a geometric mean over tables." in said
    )
    assert "A training takes 0.5 times the CPU time of RealMLP." in said
    assert "A table has 1 split." in said


# --- the picture


def test_bars_join_the_longest_runs_within_the_critical_difference():
    assert picture.alike([1, 2, 3.5, 5], 1.5) == [(0, 1), (1, 2), (2, 3)]
    assert picture.alike([1, 2, 3, 9], 2) == [(0, 2)]
    assert picture.alike([1, 3, 5], 1) == []


def test_the_picture_is_the_same_bytes_from_the_same_figures(tmp_path):
    needed("matplotlib")
    needed("scipy.stats")
    ranked = summary.summary(invented())["ranked"]
    for name in ("one.svg", "two.svg"):
        picture.draw(ranked, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert drawn == (tmp_path / "two.svg").read_text(encoding="utf-8")
    for name, rank in ranked["mean_ranks"].items():
        assert f"{name}  {rank:.2f}" in drawn
    assert f"CD = {ranked['critical_difference']:.2f}" in drawn

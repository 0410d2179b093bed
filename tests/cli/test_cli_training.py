"""The options of `xpnet train` and `xpnet predict` for tables: what each does to the files."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.support.command import QUICK, fails, predict, rows_of, train, write
from xpnet.cli import main
from xpnet.tables import held_out, load, read_schema

RNG = np.random.default_rng(0)
X = RNG.normal(size=60)
HEAD = ["id", "x", "c", "w", "y", "z"]
ROWS = [
    [f"k{i}", round(x, 6), "uv"[i % 2], 1 + i % 2, "ab"[int(x > 0)], round(np.exp(x), 6)]
    for i, x in enumerate(X.tolist())
]
IGNORED = ("--ignore", "id", "--ignore", "w")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "t.csv", [HEAD, *ROWS])


def trained(data: Path, target: str, *options: str, of: tuple[str, ...] = IGNORED) -> Path:
    """The model of a command that succeeds."""
    model = data.with_name("m")
    other = {"y": "z", "z": "y"}[target]
    assert main([*train(data, target, model, *QUICK, *of, "--ignore", other, *options)]) == 0
    return model


# --- train


def test_a_text_that_means_missing(data, tmp_path, capsys):
    rows = [[*r[:1], "-999" if i % 6 == 0 else r[1], "?!" if i % 5 == 0 else r[2], *r[3:]]
            for i, r in enumerate(ROWS)]  # fmt: skip
    rows[0][4] = rows[1][4] = "?!"
    write(data, [HEAD, *rows])
    model = trained(data, "y", "--missing", "-999", "--missing", "?!")
    out = capsys.readouterr().out
    assert "2 of 60 rows have no 'y' (first line 2) and are left out\n" in out
    assert out.count("are left out") == 1
    schema = read_schema(model)
    assert schema.holes == ("-999", "?!")
    x, c = schema.columns
    assert (x.flag, x.rule.lowest > -5, c.known) == (True, True, ("", "u", "v"))
    assert schema.target.classes == ("a", "b")
    assert main(predict(model, data, tmp_path / "p.csv")) == 0  # the model knows the marks
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("option", "kind"),
    [("--as=x:text", "categories"), ("--text=x", "categories"), ("--as=x:number", "numeric")],
)
def test_how_a_column_is_read(data, option, kind):
    rows = [[r[0], i % 4, *r[2:]] for i, r in enumerate(ROWS)]
    model = trained(write(data, [HEAD, *rows]), "y", option)
    assert read_schema(model).columns[0].kind == kind


def test_a_column_of_weights(data, capsys):
    plain = trained(data, "y", "--ignore", "w", of=("--ignore", "id")).read_bytes()
    model = trained(data, "y", "--weight", "w", of=("--ignore", "id"))
    assert model.read_bytes() != plain
    assert [column.name for column in read_schema(model).columns] == ["x", "c"]
    before = model.read_bytes()
    extra = [["k", 1e9, "new", 0, "c", 5], ["k", "", "", 0, "", ""]]
    write(data, [HEAD, *ROWS, *extra])
    capsys.readouterr()
    model = trained(data, "y", "--weight", "w", of=("--ignore", "id"))
    assert model.read_bytes() == before
    out = capsys.readouterr().out
    assert out.startswith("2 of 62 rows have the weight 0 and are left out\n")
    assert out.count("are left out") == 1
    for cell, said in (
        ("-1", "-1.0 is no weight: it is negative"),
        ("", "the weight is missing: fill"),
        ("NA", "the weight is missing"),
    ):
        rows = [[*r[:3], cell if i == 7 else r[3], *r[4:]] for i, r in enumerate(ROWS)]
        write(data, [HEAD, *rows])
        line = fails(capsys, train(data, "y", data.with_name("n"), "--weight=w", "--validation=0"))
        assert f"line 9, column 'w': {said}" in line


def test_the_logarithm_of_the_target(data, tmp_path, capsys):
    model = trained(data, "z", "--log-target")
    target = read_schema(model).target
    assert (target.log, target.highest) == (True, pytest.approx(X.max(), abs=1e-5))
    assert main(predict(model, data, tmp_path / "p.csv")) == 0
    found = np.array([row[0] for row in rows_of(tmp_path / "p.csv")[1:]], float)
    assert (found > 0).all()
    capsys.readouterr()
    line = fails(capsys, train(data, "y", tmp_path / "n", "--log-target", *IGNORED))
    assert "column 'y': a logarithm is for quantities, not for classes" in line
    line = fails(capsys, train(data, "x", tmp_path / "n", "--log-target", *IGNORED))
    assert "has no logarithm" in line
    assert not (tmp_path / "n").exists()


def test_quick_is_one_short_fit(data, capsys):
    other = ("--ignore", "z", *IGNORED)
    assert main(train(data, "y", data.with_name("m"), "--hidden=4", "--quick", *other)) == 0
    out = capsys.readouterr().out
    assert "are best" not in out
    assert "held-out accuracy" in out
    model = load(data.with_name("m"))
    assert (model.network.epoch, model.score) == (24, {})
    assert model.schema.columns[0].rule.knots


def test_several_networks_in_one_file(data, tmp_path, capsys):
    model = trained(data, "z", "--networks", "3")
    out = capsys.readouterr().out
    for k in (1, 2, 3):
        assert f"\nnetwork {k} of 3: " in out
    found = load(model)
    assert (len(found.networks), found.score["rows"], len(found.residuals)) == (3, 48, 48)
    assert main(["info", str(model)]) == 0
    assert "3 networks, whose predictions are averaged; the first:" in capsys.readouterr().out
    assert main(predict(model, data, tmp_path / "p.csv")) == 0
    written = np.array([row[0] for row in rows_of(tmp_path / "p.csv")[1:]], float)
    np.testing.assert_array_equal(written, found.predict(data))
    assert main(["explain", str(model), str(data)]) == 0
    with pytest.warns(UserWarning, match="3 networks, and this is the first only"):
        same = xpnet.load(model)
    np.testing.assert_array_equal(found.network.parameters, same.parameters)


@pytest.mark.parametrize("options", [(), ("--quick",), ("--networks", "2")])
def test_a_seed_decides_the_file(data, options):
    first, again, other = (
        trained(data, "z", *options, "--seed", seed).read_bytes() for seed in ("5", "5", "6")
    )
    assert first == again != other


def test_the_task_that_is_told_is_the_one_that_is_trained(tmp_path, capsys):
    """20 whole numbers in 100 rows are classes; in four fifths of them they would be none."""
    rows = [["x", "y"], *([i / 7, i % 20] for i in range(100))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m"
    assert main(train(data, "y", model, *QUICK)) == 0
    out = capsys.readouterr().out
    assert "target 'y': classification (its cells are 20 different whole numbers)" in out
    assert "held-out accuracy" in out
    assert read_schema(model).task == "classification"


def test_the_scores_of_the_rows_held_out_are_those_of_the_model(data, capsys):
    from xpnet.datasets import stratified_split

    model = load(trained(data, "y"))
    out = capsys.readouterr().out
    labels = np.array([row[4] for row in ROWS])
    rows, test = stratified_split(labels, 0.2, seed=0)
    p = model.predict_proba(data)[test]
    truth = np.searchsorted(["a", "b"], labels[test])
    accuracy, loss = np.mean(p.argmax(axis=1) == truth), -np.log(p[np.arange(len(p)), truth]).mean()
    assert f"{len(rows)} rows to train on, {len(test)} held out to test on\n" in out
    assert f"held-out accuracy {accuracy:.4f}, log loss {loss:.4f}\n" in out


# --- predict


def test_kept_columns_stand_before_the_predictions_as_they_are_written(data, tmp_path):
    rows = [[f"0{i}", *r[1:]] for i, r in enumerate(ROWS)]
    rows[3][0] = '=1+1, "x"'
    write(data, [HEAD, *rows])
    model, out = trained(data, "y"), tmp_path / "p.csv"
    for _ in range(2):  # older predictions with the same columns are replaced
        assert main(predict(model, data, out, "--keep", "id", "--keep", "w")) == 0
    head, *found = rows_of(out)
    assert head == ["id", "w", "prediction", "probability_a", "probability_b"]
    assert [row[:2] for row in found] == [[r[0], str(r[3])] for r in rows]
    assert [row[2] for row in found] == load(model).predict(data).tolist()


def test_only_predictions_with_the_same_kept_columns_are_replaced(data, tmp_path, capsys):
    model, out = trained(data, "y"), tmp_path / "p.csv"
    own = [["id", "x", "prediction"], ["k", 1, "a"]]
    before = write(out, own).read_bytes()
    for options in ((), ("--keep", "id"), ("--keep", "x", "--keep", "id")):
        capsys.readouterr()
        line = fails(capsys, predict(model, data, out, *options))
        assert "already exists and is not a CSV file of predictions" in line
        assert out.read_bytes() == before
    assert main(predict(model, data, out, "--keep", "id", "--keep", "x")) == 0
    assert "replacing older predictions" in capsys.readouterr().out


def test_a_kept_column_is_there_and_is_no_column_of_predictions(data, tmp_path, capsys):
    model, out = trained(data, "y"), tmp_path / "p.csv"
    capsys.readouterr()
    line = fails(capsys, predict(model, data, out, "--keep", "ids"))
    assert f"{data} has no column 'ids': did you mean 'id'?" in line
    for name in ("prediction", "probability_a"):
        write(data, [[*HEAD, name], *([*r, "mine"] for r in ROWS)])
        line = fails(capsys, predict(model, data, out, "--keep", name))
        assert f"--keep {name}: the predictions have a column of this name" in line
    assert not out.exists()


@pytest.mark.parametrize("text", [True, False])
def test_kept_columns_go_through_streams(data, capsys, monkeypatch, text):
    model = trained(data, "y")
    content = data.read_bytes()
    stream = io.StringIO(content.decode()) if text else io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", stream)
    capsys.readouterr()
    assert main(["predict", str(model), "-", "--out", "-", "--keep", "id"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert (lines[0], len(lines)) == ("id,prediction,probability_a,probability_b", 61)
    assert lines[1].startswith("k0,")
    assert err.splitlines() == [
        "columns that the model does not use: 'id', 'w', 'z'",
        "standard input: 60 rows; wrote standard output",
    ]


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        (1, "", "column 'x': 1 missing (first in line 4); the training rows had none"),
        (1, "1e6", "column 'x': 1 cell is far outside of the training rows' "),
        (2, "new", "column 'c': 1 of 60 cells are \"other\": 'new'"),
        (2, "", "column 'c': 1 of 60 cells are \"other\": '(missing)'"),
    ],
)
def test_strict_refuses_what_training_had_not_and_says_it_otherwise(
    data, tmp_path, capsys, column, cell, said
):
    model, out = trained(data, "y"), tmp_path / "p.csv"
    capsys.readouterr()
    assert main(predict(model, data, out, "--strict")) == 0
    assert capsys.readouterr().err == ""
    out.unlink()
    rows = [list(r) for r in ROWS]
    rows[2][column] = cell
    line = fails(capsys, predict(model, write(data, [HEAD, *rows]), out, "--strict"))
    assert line.startswith(f"xpnet: {data}, {said}")
    assert line.endswith(" (--strict)")
    assert sorted(os.listdir(tmp_path)) == ["m", "t.csv"]
    assert main(predict(model, data, out)) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"xpnet: warning: {data}, {said}")
    assert len(rows_of(out)) == 61


@pytest.mark.parametrize("column", [1, 2])
def test_a_row_with_news_changes_no_other_prediction(data, tmp_path, column):
    model = trained(data, "y")
    before = load(model).predict_proba(data)
    rows = [list(r) for r in ROWS]
    rows[2][column] = "1e9" if column == 1 else "new"
    after = load(model).predict_proba(write(data, [HEAD, *rows]))
    np.testing.assert_allclose(np.delete(after, 2, 0), np.delete(before, 2, 0), rtol=1e-6)


def test_a_column_is_read_as_told_by_all_its_cells(tmp_path):
    """Of --as d:date, the order is found from the whole column, also of rows held out."""
    rows = [["d", "y"], *([f"{1 + i % 9}/2/2020", "pq"[i % 2]] for i in range(60))]
    held = int(held_out(np.array([row[1] for row in rows[1:]]), 60, 0.2)[1][0])
    rows[1 + held][0] = "25/2/2020"
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m"
    assert main(train(data, "y", model, "--as", "d:date", "--quick", "--epochs=1")) == 0
    assert load(model).schema.columns[0].notation.order == "dmy"

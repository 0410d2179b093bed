"""``xpnet predict``: intervals, missing cells of the new table, and an index that is kept."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import xpnet.tables
from tests.support.command import fails, predict, rows_of, train, write
from xpnet.cli import main
from xpnet.tables import load, read_csv

N = 80
RNG = np.random.default_rng(5)
SIZE = RNG.normal(size=N).round(3)
PRICE = (3 * SIZE + RNG.normal(size=N)).round(3)
KIND = ["red" if i % 3 else "blue" for i in range(N)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A table with an index that has no name, as pandas writes it."""
    rows = zip([f"r{i}" for i in range(N)], SIZE, KIND, PRICE, -PRICE, strict=True)
    header = ["", "size", "kind", "price", "cost"]
    return write(tmp_path_factory.mktemp("data") / "t.csv", [header, *rows])


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    """The path of a model of the price."""
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    assert main(train(data, "price", path, "--ignore=cost", "--epochs=4", "--hidden=8")) == 0
    return path


def columns_of(path) -> dict[str, list[str]]:
    header, *rows = rows_of(path)
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_the_intervals_are_those_of_python(data, model, tmp_path, coverage):
    out = tmp_path / "p.csv"
    assert main(predict(model, data, out, f"--intervals={coverage}")) == 0
    found, ends = columns_of(out), load(model).intervals(data, coverage)
    assert list(found) == ["prediction", "lower", "upper"]
    written = np.column_stack([np.array(found[end], float) for end in ("lower", "upper")])
    np.testing.assert_array_equal(written, ends)
    assert main(predict(model, data, out, "--intervals=0.8")) == 0  # replaces its own kind


def test_the_intervals_of_several_targets_have_their_names(data, tmp_path):
    path, out = tmp_path / "m.safetensors", tmp_path / "p.csv"
    options = ("--target=cost", "--epochs=3", "--hidden=8")
    assert main(train(data, "price", path, *options)) == 0
    for _ in range(2):
        assert main(predict(path, data, out, "--intervals=0.8")) == 0
    found, ends = columns_of(out), load(path).intervals(data, 0.8)
    for t, name in enumerate(("price", "cost")):
        for k, end in enumerate(("lower", "upper")):
            np.testing.assert_array_equal(np.array(found[f"{end}_{name}"], float), ends[:, t, k])


@pytest.mark.parametrize(
    ("coverage", "said"),
    [
        ("1", "--intervals must lie between 0 and 1, such as 0.9; got '1'"),
        ("nan", "--intervals must lie between 0 and 1, such as 0.9; got 'nan'"),
        ("0.999", "coverage can be at most"),
    ],
)
def test_a_coverage_that_cannot_be(data, model, tmp_path, capsys, coverage, said):
    out = tmp_path / "p.csv"
    assert said in fails(capsys, predict(model, data, out, f"--intervals={coverage}"))
    assert not out.exists()


def test_classes_have_no_intervals(data, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    assert main(train(data, "kind", path, "--quick", "--epochs=1", "--hidden=4")) == 0
    capsys.readouterr()
    said = fails(capsys, predict(path, data, tmp_path / "p.csv", "--intervals=0.9"))
    assert "'kind' is a class: use predict_proba (--intervals is for quantities)" in said


def test_cells_may_be_missing_in_another_way_than_in_the_training(data, model, tmp_path, capsys):
    """A hole is predicted alike, however it is written; without the option it is an error."""
    marked, empty = tmp_path / "marked.csv", tmp_path / "empty.csv"
    for path, hole in ((marked, "keine"), (empty, "")):
        rows = rows_of(data)
        rows[3][1], rows[7][1], rows[5][2] = hole, hole, hole
        write(path, rows)
    out, same = tmp_path / "p.csv", tmp_path / "same.csv"
    assert "'keine' is not among" in fails(capsys, predict(model, marked, out))
    assert main(predict(model, marked, out, "--missing=keine")) == 0
    assert main(predict(model, empty, same)) == 0
    assert out.read_bytes() == same.read_bytes()


def test_an_explanation_knows_the_marks_of_its_table_too(data, model, tmp_path, capsys):
    rows = rows_of(data)
    rows[3][1] = "keine"
    marked = write(tmp_path / "marked.csv", rows)
    explain = ["explain", str(model), str(marked), "--example=2"]
    assert "'keine' is not among" in fails(capsys, explain)
    assert main([*explain, "--missing=keine"]) == 0
    capsys.readouterr()
    said = fails(capsys, ["explain", "digits", "--missing=NA"])
    assert "--missing is for a table of your own, not for digits" in said


def test_texts_listed_with_commas_are_one_text_each(data, model, tmp_path, capsys):
    rows = rows_of(data)
    rows[3][1], rows[4][1] = "keine", "NA"
    marked = write(tmp_path / "marked.csv", rows)
    said = fails(capsys, predict(model, marked, tmp_path / "p.csv", "--missing=keine,NA"))
    assert "--missing keine,NA: name one text per option, --missing keine --missing NA" in said
    trained = train(marked, "price", tmp_path / "m", "--missing=keine,null")
    assert "name one text per option, --missing keine --missing null" in fails(capsys, trained)
    rows[5][1] = "keine,NA"  # a text with a comma, which is there
    write(marked, rows)
    both = ("--missing=keine,NA", "--missing=keine")
    assert main(predict(model, marked, tmp_path / "p.csv", *both)) == 0


def test_an_index_without_a_name_is_kept(data, model, tmp_path, capsys):
    out = tmp_path / "p.csv"
    for _ in range(2):  # the second replaces predictions, which begin with an index
        assert main(predict(model, data, out, "--keep=kind", "--keep=")) == 0
    with open(out, newline="", encoding="utf-8") as file:
        header, first, *_ = csv.reader(file)
    assert header == ["", "kind", "prediction"]
    assert first[:2] == ["r0", "blue"]
    table = read_csv(out)
    assert table.names == ("kind", "prediction")
    assert table.take(np.array([2, 0])).index.tolist() == ["r2", "r0"]
    without = write(tmp_path / "w.csv", [row[1:] for row in rows_of(data)])
    assert "has no column ''" in fails(
        capsys, predict(model, without, tmp_path / "q.csv", "--keep=")
    )


def test_columns_to_keep_are_named_one_at_a_time(data, model, tmp_path, capsys):
    said = fails(capsys, predict(model, data, tmp_path / "p.csv", "--keep=kind,size"))
    assert "--keep kind,size: name one column per option, --keep kind --keep size" in said


def test_the_columns_of_python_are_those_of_the_command(data, model, tmp_path):
    out = tmp_path / "p.csv"
    assert main(predict(model, data, out, "--intervals=0.8")) == 0
    found = load(model).predictions(data, coverage=0.8)
    assert list(found) == list(columns_of(out))
    for name, cells in columns_of(out).items():
        np.testing.assert_array_equal(np.array(cells, float), found[name])
    assert list(load(model).predictions(data)) == ["prediction"]


def test_marks_of_missing_cells_are_added_to_those_of_the_training(data, tmp_path):
    """For every network of a model, which stays as it is."""
    found = xpnet.tables.train(
        data, "price", ignore=["cost"], missing=["-9"], networks=2, epochs=2, hidden=(4,)
    )
    other = found.with_missing(["keine"])
    assert [member.schema.holes for member in other.members] == [("-9", "keine")] * 2
    assert found.schema.holes == ("-9",)
    table = {"size": ["0.5", "keine", ""], "kind": ["red"] * 3}
    predicted = other.predict(table)
    assert predicted[1] == predicted[2]
    with pytest.raises(ValueError, match="'keine' is not among the column's numbers"):
        found.predict(table)
    with pytest.raises(TypeError, match=r'missing must be a list of texts, such as \["-999"\]'):
        found.with_missing("NA")

"""The command line on a user's own table: train, predict, info, and errors."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.support.command import QUICK, fails, predict, rows_of, train, write
from tests.support.helpers import FRUIT, needed
from xpnet.cli import main
from xpnet.datasets import stratified_split
from xpnet.equations.streams import SPLIT, permutation
from xpnet.layers import Embedding
from xpnet.tables import Schema, load, read_csv, read_schema, save_model


def figure(text: str, name: str) -> float:
    found = re.search(rf"{name} (-?\d+\.?\d*)", text)
    assert found, text
    return float(found[1])


def real(name: str, folder: Path) -> Path:
    """Write one of scikit-learn's data sets as a CSV file with names of classes."""
    datasets = needed("sklearn.datasets")
    data = getattr(datasets, f"load_{name}")()
    names = getattr(data, "target_names", None)
    targets = data.target.tolist() if names is None else names[data.target].tolist()
    rows = ([*x, y] for x, y in zip(data.data.tolist(), targets, strict=True))
    return write(folder / f"{name}.csv", [[*data.feature_names, "target"], *rows])


# --- real data, from the file to the predictions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least"), [("breast_cancer", 0.95), ("wine", 0.95), ("iris", 0.9)]
)
def test_classes_of_real_data(tmp_path, capsys, name, least):
    data, model, out = real(name, tmp_path), tmp_path / "m.safetensors", tmp_path / "p.csv"
    assert main(train(data, "target", model)) == 0
    said = capsys.readouterr().out
    assert figure(said, "held-out accuracy") >= least
    assert main(predict(model, data, out)) == 0
    truth = [row[-1] for row in rows_of(data)[1:]]
    header, *found = rows_of(out)
    assert header == ["prediction", *(f"probability_{k}" for k in sorted(set(truth)))]
    probabilities = np.array([row[1:] for row in found], float)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    labels = np.array(truth)
    rows, test = stratified_split(labels, 0.2, seed=0)
    right = np.array([row[0] for row in found]) == labels
    assert abs(right[test].mean() - figure(said, "held-out accuracy")) < 1e-4
    most = max(sorted(set(truth)), key=labels[rows].tolist().count)
    assert abs(np.mean(labels[test] == most) - figure(said, "baseline accuracy")) < 1e-4


@pytest.mark.slow
def test_a_quantity_of_real_data(tmp_path, capsys):
    data, model, out = real("diabetes", tmp_path), tmp_path / "m.safetensors", tmp_path / "p.csv"
    assert main(train(data, "target", model)) == 0
    said = capsys.readouterr().out
    assert figure(said, "held-out R²") >= 0.4
    assert main(predict(model, data, out)) == 0
    header, *found = rows_of(out)
    assert header == ["prediction"]
    y = np.array([row[-1] for row in rows_of(data)[1:]], float)
    test = permutation(0, SPLIT, (), 442)[:88]
    rest = np.delete(y, test)
    for name, guess in (("held-out", np.array(found, float)[test, 0]), ("baseline", rest.mean())):
        squares = np.sum((y[test] - guess) ** 2)
        R2 = 1 - squares / np.sum((y[test] - y[test].mean()) ** 2)
        assert abs(R2 - figure(said, f"{name} R²")) < 1e-4
        line = next(line for line in said.splitlines() if line.startswith(name))
        assert abs(np.sqrt(squares / 88) / figure(line, "RMSE") - 1) < 1e-3


def test_text_columns_and_hostile_names(fruit, tmp_path, capsys):
    out = tmp_path / "p.csv"
    assert main(predict(fruit, FRUIT, out)) == 0
    assert capsys.readouterr() == (f"{FRUIT}: 36 rows; wrote {out}\n", "")
    found = [row[0] for row in rows_of(out)[1:]]
    assert np.mean(np.array(found) == read_csv(FRUIT).text("fruit")) >= 0.9
    written = np.array([row[1:] for row in rows_of(out)[1:]], float)
    np.testing.assert_array_equal(written, load(fruit).predict_proba(FRUIT))
    np.testing.assert_allclose(written.sum(axis=1), 1, rtol=1e-12)


def test_parquet_in_and_out(fruit, tmp_path):
    pa = needed("pyarrow")
    needed("narwhals")
    from pyarrow import parquet

    table = read_csv(FRUIT)
    columns = {name: table.text(name) for name in ("colour", "grown in", "fruit")}
    columns["weight, g"] = table.numbers("weight, g")
    data = tmp_path / "fruit.parquet"
    parquet.write_table(pa.table(columns), data)
    for name, path in (("csv", FRUIT), ("parquet", data)):
        assert main(predict(fruit, path, tmp_path / name)) == 0
    assert (tmp_path / "csv").read_bytes() == (tmp_path / "parquet").read_bytes()
    assert main(train(data, "fruit", tmp_path / "m.safetensors", *QUICK)) == 0


# --- train


def test_the_model_is_named_after_the_table_unless_told_otherwise(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(FRUIT), "--target", "fruit", *QUICK]) == 0
    assert os.listdir() == ["fruit.safetensors"]
    assert main(["predict", "fruit.safetensors", str(FRUIT)]) == 0
    assert sorted(os.listdir()) == ["fruit.safetensors", "predictions.csv"]


def test_a_model_of_a_compressed_table_is_named_after_the_table(tmp_path, monkeypatch):
    """But an older model with both endings is replaced, so that whoever reads it gets the new."""
    monkeypatch.chdir(tmp_path)
    for name in ("de.csv.gz", "de.CSV.GZ"):
        (tmp_path / name).write_bytes(gzip.compress(FRUIT.read_bytes()))
    for name, written in (("de.csv.gz", "de"), ("de.csv.gz", "de"), ("de.CSV.GZ", "de")):
        assert main(["train", name, "--target=fruit", *QUICK]) == 0
        assert [path.stem for path in tmp_path.glob("*.safetensors")] == [written]
    (tmp_path / "de.safetensors").rename("de.csv.safetensors")
    before = Path("de.csv.safetensors").stat().st_mtime_ns
    assert main(["train", "de.csv.gz", "--target=fruit", *QUICK]) == 0
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["de.csv.safetensors"]
    assert Path("de.csv.safetensors").stat().st_mtime_ns > before
    Path("de.safetensors").write_bytes(b"")
    assert main(["train", "de.csv.gz", "--target=fruit", *QUICK]) == 0  # of both, the new name
    assert Path("de.safetensors").stat().st_size > 0


def test_a_seed_decides_the_model_to_the_byte(tmp_path):
    path = tmp_path / "m.safetensors"
    found = []
    for seed in ("5", "5", "6"):
        assert main(train(FRUIT, "fruit", path, *QUICK, "--seed", seed)) == 0
        found.append(path.read_bytes())
    assert found[0] == found[1] != found[2]


def test_every_backend_trains_and_predicts(backend, tmp_path, capsys):
    model, where = tmp_path / "m.safetensors", ("--backend", backend.name)
    assert main(train(FRUIT, "fruit", model, *QUICK, *where)) == 0
    assert "held-out accuracy" in capsys.readouterr().out
    found = []
    for options in ((), where):
        assert main(predict(model, FRUIT, tmp_path / "p.csv", *options)) == 0
        found.append(np.array([row[1:] for row in rows_of(tmp_path / "p.csv")[1:]], float))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_the_settings_are_the_models(tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    options = ("--hidden", "7,6", "--epochs", "4", "--dtype", "float64", "--ignore", "colour")
    assert main(train(FRUIT, "fruit", model, *options)) == 0
    net = xpnet.load(model)
    schema = read_schema(model)
    assert (net.sizes, net.dtype) == ((schema.width, 7, 6, 3), "float64")
    assert [column.name for column in schema.columns] == ["grown in", "weight, g"]
    assert 1 <= net.epoch <= 4
    assert re.search(rf"^{net.epoch} epochs with(out)? pieces are", capsys.readouterr().out, re.M)


def test_without_epochs_the_best_number_is_found(tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    assert main(train(FRUIT, "fruit", model)) == 0
    found = re.search(r"^(\d+) epochs with(out)? pieces are best", capsys.readouterr().out, re.M)
    assert found
    assert xpnet.load(model).epoch == int(found[1])
    assert 1 <= int(found[1]) <= 64


def test_the_task_may_be_chosen(tmp_path, capsys):
    rows = [["x", "y"], *([i / 40, i % 4] for i in range(40))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m.safetensors"
    for options, task, why in (
        ((), "classification", "its cells are 4 different whole numbers"),
        (("--task", "regression"), "regression", "--task"),
    ):
        assert main(train(data, "y", model, *QUICK, *options)) == 0
        assert f"target 'y': {task} ({why})" in capsys.readouterr().out
        assert read_schema(model).task == task


def test_numbers_may_be_categories(tmp_path):
    rows = [["zip", "y"], *([f"0{i % 3}", "ab"[i % 2]] for i in range(40))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m.safetensors"
    for option in ("--text=zip", "--as=zip:text"):
        assert main(train(data, "y", model, *QUICK, option)) == 0
        assert read_schema(model).columns[0].known == ("00", "01", "02")
    assert main(train(data, "y", model, *QUICK, "--as=zip:number")) == 0
    assert read_schema(model).columns[0].kind == "numeric"


def test_text_may_be_embedded(backend, tmp_path, capsys):
    """From the file to the predictions."""
    model, out, where = tmp_path / "m", tmp_path / "p.csv", ("--backend", backend.name)
    options = ("--embed", "colour:3", "--embed", "grown in")
    assert main(train(FRUIT, "fruit", model, "--epochs", "60", *options, *where)) == 0
    capsys.readouterr()
    assert xpnet.load(model).plan.layers[0].config()["dim"] == [3, 3]
    assert main(predict(model, FRUIT, out, *where)) == 0
    found = [row[0] for row in rows_of(out)[1:]]
    assert np.mean(np.array(found) == read_csv(FRUIT).text("fruit")) >= 0.9
    assert [column.dim for column in read_schema(model).columns[:2]] == [3, 3]
    capsys.readouterr()
    assert main(["info", str(model)]) == 0
    said = capsys.readouterr().out
    assert "'colour': codes, 3 numbers each, 'green', 'purple', 'red', 'yellow', '(other)'" in said
    data = write(tmp_path / "t.csv", changed(0, "mauve"))
    assert main(predict(model, data, tmp_path / "q.csv", *where)) == 0
    assert "column 'colour': 1 of 36 cells are \"other\": 'mauve'\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "name", "dim"),
    [("a", "a", 2), ("a:3", "a", 3), ("b:1", "b:1", 2), ("b:1:5", "b:1", 5), (":", ":", 2)],
)
def test_a_column_to_embed_and_its_dim(tmp_path, option, name, dim):
    rows = [["a", "b:1", ":", "y"], *(["uvw"[i % 3]] * 3 + ["pq"[i % 2]] for i in range(40))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m"
    assert main(train(data, "y", model, *QUICK, "--embed", option)) == 0
    found = [c for c in read_schema(model).columns if c.kind == "codes"]
    assert [(c.name, c.dim) for c in found] == [(name, dim)]


def test_a_network_that_embeds_other_columns_than_its_schema(tmp_path, capsys):
    schema = Schema.fit(read_csv(FRUIT), "fruit", embed={"colour": 2, "grown in": 2})
    (layer,) = schema.input_layers()
    for first in ([Embedding([5, 5], 2)], [Embedding([6, 5], 2, columns=[1, 0])], []):
        net = xpnet.Network([schema.width, *first, 4, 3], loss="cross_entropy")
        save_model(net, schema, tmp_path / "m")
        line = fails(capsys, predict(tmp_path / "m", FRUIT, tmp_path / "p.csv"))
        assert (
            "schema that can't be used: its network and its schema embed different columns" in line
        )
    save_model(xpnet.Network([schema.width, layer, 4, 3]), schema, tmp_path / "m")
    assert main(predict(tmp_path / "m", FRUIT, tmp_path / "p.csv")) == 0


@pytest.mark.parametrize(("fraction", "held"), [("0", 0), ("0.5", 18)])
def test_the_rows_held_out_are_chosen(tmp_path, capsys, fraction, held):
    model = tmp_path / "m.safetensors"
    assert main(train(FRUIT, "fruit", model, *QUICK, "--validation", fraction)) == 0
    out = capsys.readouterr().out
    assert f"{36 - held} rows to train on, {held} held out to test on" in out
    assert ("held-out accuracy" in out) == (held > 0)


# --- predict


def test_columns_in_another_order_with_others_and_without_the_target(fruit, tmp_path, capsys):
    header, *rows = rows_of(FRUIT)
    shuffled = [[r[2], "?", r[0], "", r[1]] for r in rows]
    data = write(tmp_path / "t.csv", [[header[2], "no\nte", header[0], "x", header[1]], *shuffled])
    for name, path in (("a", FRUIT), ("b", data)):
        assert main(predict(fruit, path, tmp_path / name)) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    out = capsys.readouterr().out
    assert out.count("does not use") == 1
    assert "columns that the model does not use: 'no\\nte', 'x'\n" in out


def test_the_target_is_not_looked_at(fruit, tmp_path):
    header, *rows = rows_of(FRUIT)
    data = write(tmp_path / "t.csv", [header, *([*row[:3], ""] for row in rows)])
    assert main(predict(fruit, data, tmp_path / "p.csv")) == 0


def test_what_was_predicted_before_is_replaced_but_the_input_never(fruit, tmp_path, capsys):
    data, out = tmp_path / "t.csv", tmp_path / "p.csv"
    data.write_bytes(FRUIT.read_bytes())
    for _ in range(2):
        assert main(predict(fruit, data, out)) == 0
    (tmp_path / "hard.csv").hardlink_to(data)
    (tmp_path / "soft.csv").symlink_to(data)
    capsys.readouterr()
    for name in ("t.csv", "hard.csv", "soft.csv"):
        line = fails(capsys, predict(fruit, data, tmp_path / name))
        assert "is the input file: give a different name" in line
        assert "is the input file" in fails(capsys, train(data, "fruit", tmp_path / name))
    assert "is the input file" in fails(capsys, predict(fruit, data, fruit))
    assert data.read_bytes() == FRUIT.read_bytes()


def test_a_model_without_a_schema_says_so(tmp_path, capsys):
    model = tmp_path / "digits.safetensors"
    assert main(["train", "digits", "--epochs", "1", "--hidden", "4", "--out", str(model)]) == 0
    capsys.readouterr()
    line = fails(capsys, predict(model, FRUIT, tmp_path / "p.csv"))
    assert f"'{model}' was not trained on a table" in line
    assert "xpnet train data.csv --target COLUMN" in line
    assert not (tmp_path / "p.csv").exists()


def test_a_schema_of_another_network_is_damage(fruit, tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    extra = {"schema": read_schema(fruit).to_json()}
    xpnet.files.save.save(xpnet.Network([4, 3]), model, extra=extra)
    line = fails(capsys, predict(model, FRUIT, tmp_path / "p.csv"))
    assert "schema that can't be used: its network has 4 inputs and 3 outputs, its schema 1" in line


def test_outputs_that_are_not_finite_are_not_written(fruit, tmp_path, capsys):
    model, net = tmp_path / "m.safetensors", xpnet.load(fruit)
    net.set_parameters(np.full(net.parameters.shape, 3e38))  # finite, but the outputs are not
    save_model(net, read_schema(fruit), model)
    with np.errstate(all="ignore"):
        line = fails(capsys, predict(model, FRUIT, tmp_path / "p.csv"))
    assert line == "xpnet: the model's outputs for line 2 are not finite"
    assert os.listdir(tmp_path) == ["m.safetensors"]


# --- info


def test_info_lists_columns_and_task(fruit, tmp_path, capsys):
    assert main(["info", str(fruit)]) == 0
    out = capsys.readouterr().out
    assert "predicts 'fruit': classification, classes 'apple', 'lemon', 'plum'\n" in out
    known = "'green', 'purple', 'red', 'yellow', '(other)'"
    assert f"from 3 columns:\n  'colour': categories, {known}\n" in out
    assert re.search(
        r"  'weight, g': numeric, 33 to 170, median \d+(\.\d+)?, scale \d+(\.\d+)?", out
    )
    rows = [["x", "y"], *([i, i / 3] for i in range(30))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m.safetensors"
    assert main(train(data, "y", model, *QUICK)) == 0
    assert main(["info", str(model)]) == 0
    assert re.search(r"predicts 'y': regression, mean \d+\.\d+, scale", capsys.readouterr().out)


# --- errors: one line, and no file is written


def changed(column: int, cell: str | None, line: int = 5) -> list[list[str]]:
    """Return the fruit with one cell changed or left out."""
    rows = rows_of(FRUIT)
    if cell is None:
        del rows[line - 1][column]
    else:
        rows[line - 1][column] = cell
    return rows


BAD_CELLS = [
    (2, "heavy", ", line 5, column 'weight, g': 'heavy' is not among the column's numbers"),
    (2, "inf", ", line 5, column 'weight, g': 'inf' is not among the column's numbers"),
    (3, None, ", line 5 has 3 cells, but the header 4: none for 'fruit'"),
]


@pytest.mark.parametrize(("column", "cell", "said"), BAD_CELLS)
def test_a_bad_cell_stops_training_and_prediction(fruit, tmp_path, capsys, column, cell, said):
    data, out = write(tmp_path / "t.csv", changed(column, cell)), tmp_path / "out"
    for arguments in (train(data, "fruit", out), predict(fruit, data, out)):
        assert f"{data}{said}" in fails(capsys, arguments)
    assert os.listdir(tmp_path) == ["t.csv"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row[1:] for row in rows_of(FRUIT)], " has no column 'colour': its columns are"),
        (rows_of(FRUIT)[1:], " has no column 'colour': its columns are 'red', 'Wye valley', '151'"),
        (rows_of(FRUIT)[:1], " has no rows below its header"),
    ],
)
def test_a_table_that_the_model_does_not_know(fruit, tmp_path, capsys, rows, said):
    data = write(tmp_path / "t.csv", rows)
    assert f"{data}{said}" in fails(capsys, predict(fruit, data, tmp_path / "p.csv"))
    assert os.listdir(tmp_path) == ["t.csv"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], r"--target COLUMN is missing; .*fruit\.csv has 'colour', 'grown in', 'weight, g'"),
        (["--target", "fruits"], "has no column 'fruits': did you mean 'fruit'"),
        (["--target", "fruit", "--ignore", "color"], "no column 'color': did you mean 'colour'"),
        (["--targt", "fruit"], "unrecognized arguments: --targt fruit, did you mean --target"),
        (
            ["--target", "fruit", "--ignore", "colour,grown in"],
            "name one column per option, --ignore colour --ignore 'grown in'$",
        ),
        (
            ["--target", "fruit", "--embed", "colour:2,grown in"],
            "name one column per option, --embed colour:2 --embed 'grown in'$",
        ),
        (["--target", "fruit", "--ignore", "colour,color"], "no column 'colour,color'"),
        (["--target", "fruit", "--text", "fruit"], "'fruit' is the target"),
        (["--target", "fruit", "--embed", "colour:x"], "--embed colour:x: .* colour:8; got 'x'$"),
        (["--target", "fruit", "--embed", "colour:-2"], "such as colour:8; got '-2'$"),
        (["--target", "fruit", "--embed", "colour:0"], "the dim of column 'colour' must be a pos"),
        (["--target", "fruit", "--embed", "color:2"], "no column 'color': did you mean 'colour'"),
        (["--target", "fruit", "--embed", "fruit"], "'fruit' is the target"),
        (["--target", "fruit", "--task", "regression"], "line 2, column 'fruit': 'apple' is not"),
        (["--target", "fruit", "--task", "rank"], "task.*rank.*classification.*regression"),
        (["--target", "fruit", "--validation", "1"], r"must be in \[0, 1\), got 1\.0"),
        (
            ["--target", "fruit", "--validation", "0.01"],
            "class 'apple' has 12 examples: a fraction",
        ),
        (["--target", "fruit", "--validation", "x"], "--validation.*'x'"),
        (["--target", "fruit", "--epochs", "0"], "epochs must be a positive integer, got 0"),
        (["--target", "fruit", "--backend", "nunpy"], "did you mean 'numpy'"),
        (["--target", "fruit", "--out", "no/such.safetensors"], "--out no/such.safetensors"),
        (["--target", "weight, g", "--task", "classification"], "has 1 examples.*--validation 0"),
    ],
)
def test_a_bad_option_is_one_line(tmp_path, capsys, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    assert re.search(said, fails(capsys, ["train", str(FRUIT), *options]))
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([f"k{i // 2}" for i in range(2002)], "1001 different texts, but at most 1000 classes"),
        (["5"] * 60, "has one class, '5'"),
        ([""] * 60, "is missing in every row: there is no target"),
        (["2024-02-29", "2023-02-29"] * 30, "'2023-02-29' is a date that does not exist"),
    ],
)
def test_a_target_without_anything_to_learn_is_named(tmp_path, capsys, cells, said):
    """The rows held out do not matter, although classes of a key are too few to hold any out."""
    rows = [["x", "y"], *([i, cell] for i, cell in enumerate(cells))]
    line = fails(capsys, train(write(tmp_path / "t.csv", rows), "y", tmp_path / "m"))
    assert said in line
    assert "fraction" not in line


def test_decimals_are_no_categories_unless_they_are_said_to_be(tmp_path, capsys):
    rows = [["price", "size", "y"], *([f"{k % 7}.5", k % 4, "ab"[k % 2]] for k in range(40))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m.safetensors"
    line = fails(capsys, train(data, "y", model, *QUICK, "--embed", "price"))
    assert "line 2, column 'price': 0.5 is not a category to embed: leave the column out" in line
    assert not model.exists()
    assert main(train(data, "y", model, *QUICK, "--embed", "size")) == 0
    assert main(train(data, "y", model, *QUICK, "--embed", "price", "--text", "price")) == 0
    assert "'price': codes, 3 numbers each" in info(model, capsys)


def test_long_integers_that_name_classes_are_told_apart(tmp_path):
    """A float64 holds 2⁵³ and 2⁵³ + 1 as one number."""
    names = ["9007199254740993", "9007199254740992", "12"]
    rows = [["x", "y"], *([k, names[k % 3]] for k in range(30))]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m.safetensors"
    assert main(train(data, "y", model, *QUICK, "--task", "classification")) == 0
    assert read_schema(model).target.classes == ("12", "9007199254740992", "9007199254740993")


def test_files_without_a_name_go_to_the_folder_one_is_in_over_older_ones(tmp_path, monkeypatch):
    rows = [["x", "y"], *([k, "ab"[k % 2]] for k in range(30))]
    (tmp_path / "data").mkdir()
    data = write(tmp_path / "data" / "t.csv", rows)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for _ in range(2):
        assert main(["train", str(data), "--target", "y", *QUICK]) == 0
        assert main(["predict", "t.safetensors", str(data)]) == 0
    assert sorted(os.listdir()) == ["predictions.csv", "t.safetensors"]
    assert len(rows_of(Path("predictions.csv"))) == len(rows)


def info(model: Path, capsys) -> str:
    capsys.readouterr()
    assert main(["info", str(model)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("option", ["--target=y", "--task=regression", "--text=x", "--ignore=x",
                                    "--embed=x", "--validation=0.5"])  # fmt: skip
def test_an_option_of_tables_is_none_of_digits(tmp_path, capsys, option):
    line = fails(capsys, ["train", "digits", option, "--out", str(tmp_path / "m")])
    assert f"{option.partition('=')[0]} is for a table of your own, not for digits" in line


def test_a_file_that_is_not_there(fruit, tmp_path, capsys):
    line = fails(capsys, ["train", "data.csv", "--target", "y"])
    assert line == "xpnet: 'data.csv' is neither a data set (digits, fashion-mnist) nor a file"
    line = fails(capsys, predict(fruit, tmp_path / "data.csv", tmp_path / "p.csv"))
    assert line == f"xpnet: there is no file '{tmp_path}/data.csv'"
    line = fails(capsys, predict(tmp_path / "m", FRUIT, tmp_path / "p.csv"))
    assert line == f"xpnet: there is no model file '{tmp_path}/m'"


def test_a_disk_that_fails_leaves_nothing(fruit, tmp_path, capsys, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in fails(capsys, predict(fruit, FRUIT, tmp_path / "p.csv"))
    assert os.listdir(tmp_path) == []

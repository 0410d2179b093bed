"""Files of schema version 1 go on to load and to predict the same numbers, and stay strict."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

import xpnet
from tests.support.command import fails, predict, rows_of
from tests.support.helpers import DATA, FRUIT, needed
from tests.support.tables import schema_of_1, schema_refused
from xpnet.cli import main
from xpnet.tables import Schema, Table, load, read_csv, read_schema, save_model
from xpnet.tables.targets import Classes, Quantity
from xpnet.tables.version_1 import Embedded, Number, OneHot

OF_1 = DATA / "version_1"
NAMES = ("classes", "quantity")  # xpnet wrote these files and their predictions before version 2


# --- model files


@pytest.mark.parametrize("name", NAMES)
def test_a_file_predicts_the_numbers_of_before(name, tmp_path):
    out = tmp_path / "p.csv"
    assert main(predict(OF_1 / f"{name}.safetensors", FRUIT, out)) == 0
    (head, *found), (before, *expected) = rows_of(out), rows_of(OF_1 / f"{name}.csv")
    assert head == before
    start = 1 if name == "classes" else 0
    assert [row[:start] for row in found] == [row[:start] for row in expected]
    numbers = [np.array([row[start:] for row in rows], float) for rows in (found, expected)]
    np.testing.assert_allclose(*numbers, rtol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_loads_as_a_network_and_as_a_model(backend, name):
    path = OF_1 / f"{name}.safetensors"
    schema, model = read_schema(path), load(path, backend)
    assert (schema.version, model.schema, len(model.networks)) == (1, schema, 1)
    assert (model.residuals, model.score, model.history) == ((), {}, None)
    outputs = xpnet.to_numpy(xpnet.load(path, backend)(schema.transform(read_csv(FRUIT))[0]))
    expected = schema.predictions(outputs)["prediction"]
    found = model.predict(FRUIT)
    if name == "classes":
        assert found.tolist() == expected.tolist()
        np.testing.assert_allclose(model.predict_proba(FRUIT), outputs, rtol=1e-6)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_written_as_it_was_read(name):
    text = xpnet.files.load.describe(OF_1 / f"{name}.safetensors")["extra"]["schema"]
    schema = Schema.from_json(text)
    assert json.loads(schema.to_json()) == json.loads(text)
    assert Schema.from_json(schema.to_json()) == schema


def test_intervals_need_rows_that_were_held_out():
    with pytest.raises(ValueError, match=r"no rows were held out"):
        load(OF_1 / "quantity.safetensors").intervals(FRUIT)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_may_be_saved_again(name, tmp_path):
    model = load(OF_1 / f"{name}.safetensors")
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.schema == model.schema
    for a, b in zip(again.predictions(FRUIT).values(), model.predictions(FRUIT).values(),
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(a, b)


def test_info_and_explain_take_it(tmp_path, capsys):
    assert main(["info", str(OF_1 / "classes.safetensors")]) == 0
    said = capsys.readouterr().out
    assert "'colour': text, 'green', 'purple', 'red', 'yellow'\n" in said
    assert "'grown in': embedded, 2 numbers each, 'Kent', 'Murcia', " in said
    assert re.search(r"'weight, g': number, mean \d+\.\d+, scale \d+\.\d+\n", said)
    assert main(["info", str(OF_1 / "quantity.safetensors")]) == 0
    assert re.search(r"predicts 'weight, g': regression, mean \d+", capsys.readouterr().out)
    for name in NAMES:
        assert main(["explain", str(OF_1 / f"{name}.safetensors"), str(FRUIT)]) == 0
        assert re.match(r"(6|12)-8-[13], 36 examples, ", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("colour", "mauve", "the category 'mauve' is not one of the training's 4 categories: 'g"),
        ("colour", "", "the cell is empty"),
        ("grown in", "York", "the category 'York' is not one of the training's 5 categories"),
        ("weight, g", "heavy", "'heavy' is not a number"),
        ("weight, g", "nan", "'nan' is not a finite number"),
        ("weight, g", "-inf", "'-inf' is not a finite number"),
        ("weight, g", "", "the cell is empty"),
    ],
)
def test_a_cell_that_training_did_not_know_stops_it(tmp_path, capsys, column, cell, said):
    rows = rows_of(FRUIT)
    rows[6][rows[0].index(column)] = cell
    data = tmp_path / "t.csv"
    data.write_text("\n".join(",".join(f'"{c}"' for c in row) for row in rows))
    line = fails(capsys, predict(OF_1 / "classes.safetensors", data, tmp_path / "p.csv"))
    assert f"{data}, line 7, column {column!r}: {said}" in line
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_number_far_from_training_is_a_warning(tmp_path, capsys):
    rows = [[c if c != "151" else "1e7" for c in row] for row in rows_of(FRUIT)]
    data = tmp_path / "t.csv"
    data.write_text("\n".join(",".join(f'"{c}"' for c in row) for row in rows))
    arguments = predict(OF_1 / "classes.safetensors", data, tmp_path / "p.csv")
    assert main(arguments) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{data}, line 2, column 'weight, g': 10000000.0 is" in line
    assert "standard deviations from the mean of the training rows" in line
    assert "(--strict)" in fails(capsys, [*arguments, "--strict"])


# --- the columns


def test_the_schema_of_the_fruit_by_hand():
    table = read_csv(FRUIT)
    schema = schema_of_1(table, "fruit")
    X, Y = schema.transform(table)
    assert (X.shape, X.dtype, Y.dtype) == ((36, 10), np.float64, np.int64)
    assert Y[:6].tolist() == [0, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(X[0, :9], [0, 0, 1, 0, 0, 0, 0, 0, 1])  # red, Wye valley
    np.testing.assert_array_equal(X[:, :4].sum(axis=1), 1)
    assert abs(X[:, 9].mean()) < 1e-14
    assert abs(X[:, 9].std() - 1) < 1e-14


@pytest.mark.parametrize(("scale", "far"), [(1e-200, 1e300), (1.0, 1e16), (1.0, -1e200)])
def test_a_number_too_far_from_training_is_named(scale, far):
    schema = Schema((Number("a", 0.0, scale),), Classes("y", ("p", "q")), version=1)
    said = re.escape(f"row 2, column 'a': {far!r} is too far from the training rows")
    with pytest.raises(ValueError, match=said):
        schema.transform(Table({"a": [scale, far]}))


def test_a_network_embeds_as_it_would_by_one_hot_columns(backend):
    table = read_csv(FRUIT)
    found, plain = schema_of_1(table, "fruit", {"colour": 2}), schema_of_1(table, "fruit")
    (layer,) = found.input_layers()
    assert (layer.columns, layer.categories, layer.dims) == ((0,), (4,), (2,))
    settings = {"backend": backend, "dtype": "float64"}
    net = xpnet.Network([found.width, layer, 3], **settings)
    theta, slot = xpnet.to_numpy(net.parameters), net.layers[0].slots[0]
    E = theta[slot.offset : slot.offset + slot.size].reshape(slot.shape)
    W = xpnet.to_numpy(net.weights[0])  # [places, number | colour]
    same = xpnet.Network([plain.width, 3], **settings)
    same.set_weights([np.concatenate([W[:, 6:] @ E.T, W[:, :6]], axis=1)], net.biases)
    expected = xpnet.to_numpy(same(plain.features(table)))
    np.testing.assert_allclose(xpnet.to_numpy(net(found.features(table))), expected, rtol=1e-13)


def test_a_model_of_a_frame(tmp_path):
    needed("narwhals")
    frame = needed("polars").DataFrame({"x": [1.0, 2.0, 4.0], "c": ["u", "v", "u"]})
    table = Table({"x": [1.0, 2.0, 4.0], "c": ["u", "v", "u"], "y": [0.5, 1.5, 2.5]})
    schema = schema_of_1(table, "y")
    save_model(xpnet.Network([3, 2, 1], loss="mean_squared_error"), schema, tmp_path / "m")
    model = load(tmp_path / "m")
    np.testing.assert_array_equal(model.predict(frame), model.predict(table))


# --- JSON


def good() -> dict:
    columns = (Number("a", 1.5, 0.5), OneHot("c", ("u", "v")), Embedded("e", ("u", "v"), 2))
    return json.loads(Schema(columns, Classes("y", ("p", "q")), version=1).to_json())


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("columns",), {}, "'columns' is not a list"),
        (("columns",), [], "no columns"),
        (("columns", 0), 3, "a column is not a JSON object, but int"),
        (("columns", 0, "kind"), "date", "kind 'date' is unknown: number, text, embedded"),
        (("columns", 0, "kind"), "numeric", "kind 'numeric' is unknown: number, text, embedded"),
        (("columns", 0, "name"), 3, "'name' is not text: 3"),
        (("columns", 0, "name"), "c", "two with the same name"),
        (("columns", 0, "mean"), math.nan, "'mean' must be finite"),
        (("columns", 0, "mean"), "1", "'mean' is not a number: '1'"),
        (("columns", 0, "scale"), 0, "'scale' must be finite and greater than 0"),
        (("columns", 0, "scale"), 10**400, "'scale' must be finite"),
        (("columns", 1, "categories"), ["u", "u"], "'categories' must be different strings"),
        (("columns", 1, "categories"), [], "'categories' must have 1 or more"),
        (("columns", 2, "dim"), 0, "'dim' must be an integer of 1 or more: 0"),
        (("columns", 2, "dim"), 2.0, "'dim' must be an integer of 1 or more: 2.0"),
        (("columns", 2, "dim"), True, "'dim' must be an integer of 1 or more: True"),
        (("columns", 2, "categories"), [], "'categories' must have 1 or more"),
        (("target",), None, "the target is not a JSON object, but NoneType"),
        (("target", "task"), "rank", "task 'rank' is unknown: classification, regression"),
        (("target", "classes"), ["p"], "'classes' must have 2 or more"),
        (("target", "classes"), ["p", 1], "'classes' must be different strings"),
        (("holes",), [], "no setting 'holes'"),
    ],
)
def test_a_schema_that_is_damaged_says_where(where, value, said):
    assert Schema.from_json(json.dumps(good())).version == 1
    schema_refused(good(), where, value, said)


def test_a_quantity_has_no_range():
    target = Quantity("y", 10.0, 2.0)
    assert target.settings() == {"mean": 10.0, "scale": 2.0}
    assert target.answers(np.array([[-1e6], [1e6]])).tolist() == [[-1999990.0], [2000010.0]]

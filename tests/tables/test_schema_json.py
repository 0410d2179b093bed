"""The schema as JSON and in a model file: it comes back whole, and damage is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import xpnet
from tests.support.helpers import FRUIT
from tests.support.hostile import HOSTILE
from tests.support.tables import schema_refused
from xpnet.tables import (
    Schema,
    Table,
    read_csv,
    read_schema,
    save_model,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
names = st.one_of(st.sampled_from(HOSTILE), texts)
floats = st.floats(-1e12, 1e12)


def as_number(cell: str) -> float | str:
    """Return a cell's number, since "1" and "1.0" would be the same class, which is an error.

    "nan" stays text: unlike the number, it equals itself.
    """
    try:
        return cell if math.isnan(float(cell)) else float(cell)
    except ValueError:
        return cell


@st.composite
def tables(draw):
    """A table of numbers and text under any names, every cell twice, and its target."""
    columns = draw(st.lists(names, min_size=2, max_size=5, unique=True))
    n = draw(st.integers(2, 12))
    kinds = st.one_of(
        st.lists(floats, min_size=n, max_size=n), st.lists(names, min_size=n, max_size=n)
    )
    values = {name: draw(kinds) * 2 for name in columns[1:]}
    labels = draw(st.lists(names, min_size=2, max_size=3, unique_by=as_number))
    values[columns[0]] = [labels[i % len(labels)] for i in range(2 * n)]
    return Table(values), columns[0]


@given(tables(), st.booleans(), st.frozensets(names, max_size=2))
@settings(deadline=None, max_examples=150)
def test_a_schema_survives_json_and_transforms_alike(drawn, pieces, missing):
    table, target = drawn
    missing -= {*table.text(target)}
    assume(any({*table.labels(name, missing)} != {""} for name in table.names if name != target))
    text = frozenset(name for name in table.names if table.columns[name].dtype.kind != "f")
    embed = dict.fromkeys(sorted(text - {target})[::2])
    asked = {"text": text - {target}, "embed": embed, "pieces": pieces, "missing": missing}
    left_out: list[str] = []  # columns whose cells are all declared missing
    schema = Schema.fit(table, target, "classification", **asked, tell=left_out.append)
    assert len(schema.columns) + len(left_out) == len(table.names) - 1
    line = schema.to_json()
    assert line.isascii()
    assert len(line.splitlines()) == 1
    again = Schema.from_json(line)
    assert again == schema
    (X, Y), (X2, Y2) = schema.transform(table), again.transform(table)
    np.testing.assert_array_equal(X, X2)
    np.testing.assert_array_equal(Y, Y2)
    assert np.isfinite(X).all()
    assert len(schema.input_names()) == X.shape[1] == schema.width
    one_hot = np.eye(len(schema.target.classes))[Y]
    assert again.predictions(one_hot)["prediction"].tolist() == table.text(target)


@given(st.lists(floats, min_size=3, max_size=20, unique=True))
@settings(deadline=None)
def test_a_quantity_is_restored(values):
    table = Table({"x": np.arange(len(values)), "y": values})
    schema = Schema.from_json(Schema.fit(table, "y", "regression").to_json())
    restored = schema.predictions(schema.transform(table)[1])["prediction"]
    np.testing.assert_allclose(restored, values, rtol=1e-9, atol=1e-9 * np.ptp(values))


def good() -> dict:
    text = ["u", "v"] * 2
    table = Table({"a": [1.0, 2, 3, None], "c": text, "e": text, "y": ["p", "q"] * 2})
    schema = Schema.fit(table, "y", embed={"e": None}, pieces=True, missing=["-"])
    return json.loads(schema.to_json())


def quantity() -> dict:
    table = Table({"a": [1.0, 2, 3], "y": [1.5, 2, 4]})
    return json.loads(Schema.fit(table, "y", "regression", log_target=True).to_json())


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("version",), 4, "version 4, but this xpnet reads 1 to 3"),
        (("version",), 3, "'targets' is missing"),
        (("version",), True, "version True, but this xpnet reads"),
        (("version",), "2", "version '2', but this xpnet reads"),
        (("targets",), [], "this version of xpnet has no setting 'targets'"),
        (("columns",), {}, "'columns' is not a list"),
        (("columns",), [], "no columns"),
        (("columns", 0), 3, "a column is not a JSON object, but int"),
        (("columns", 0, "kind"), "date", "kind 'date' is unknown: numeric, categories, codes"),
        (("columns", 0, "kind"), "number", "kind 'number' is unknown: numeric, categories"),
        (("columns", 0, "name"), 3, "'name' is not text: 3"),
        (("columns", 0, "name"), "c", "two with the same name"),
        (("columns", 0, "center"), math.nan, "'center' must be finite"),
        (("columns", 0, "center"), "1", "'center' is not a number: '1'"),
        (("columns", 0, "scale"), -1.0, "'scale' must not be negative"),
        (("columns", 0, "scale"), 10**400, "'scale' must be finite"),
        (("columns", 0, "lowest"), 9.0, "'lowest' must be at most 'highest'"),
        (("columns", 0, "knots"), [1.0, 3.0], "'knots' must be increasing, and three or more"),
        (("columns", 0, "knots"), [1.0, 3.0, 3.0], "'knots' must be increasing"),
        (("columns", 0, "knots"), [1.0, math.nan, 3.0], "'knots' must be finite"),
        (("columns", 0, "knots"), "123", "'knots' is not a list"),
        (("columns", 0, "flag"), 1, "'flag' must be true or false: 1"),
        (("columns", 0, "notation"), None, "the notation is not a JSON object"),
        (("columns", 0, "mean"), 1.0, "no setting 'mean'"),
        (("columns", 1, "known"), ["u", "u"], "'known' must be different strings"),
        (("columns", 1, "known"), [1], "'known' must be different strings"),
        (("columns", 1, "known"), [], "'known' must have 1 or more"),
        (("columns", 2, "dim"), 0, "'dim' must be an integer of 1 or more: 0"),
        (("columns", 2, "dim"), 2.0, "'dim' must be an integer of 1 or more: 2.0"),
        (("columns", 2, "dim"), True, "'dim' must be an integer of 1 or more: True"),
        (("columns", 2, "known"), [], "'known' must have 1 or more"),
        (("target",), None, "the target is not a JSON object, but NoneType"),
        (("target", "task"), "rank", "task 'rank' is unknown: classification, regression"),
        (("target", "classes"), ["p"], "'classes' must have 2 or more"),
        (("target", "classes"), ["p", 1], "'classes' must be different strings"),
        (("target", "temperature"), 0.0, "'temperature' must lie between 1/4 and 4"),
        (("target", "temperature"), 1e-320, "'temperature' must lie between 1/4 and 4"),
        (("target", "temperature"), "1", "'temperature' is not a number"),
        (("holes",), "-", "'holes' is not a list"),
        (("holes",), ["-", "-"], "'holes' must be different strings"),
        (("colour",), "red", "no setting 'colour'"),
    ],
)
def test_a_schema_that_is_damaged_says_where(where, value, said):
    schema_refused(good(), where, value, said)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("mean", None, "'mean' is not a number"),
        ("scale", 0.0, "'scale' must be finite and greater than 0"),
        ("lowest", math.inf, "'lowest' must be finite"),
        ("lowest", 9.0, "'lowest' must be at most 'highest'"),
        ("highest", True, "'highest' is not a number"),
        ("log", 0, "'log' must be true or false"),
        ("notation", [], "the notation is not a JSON object"),
    ],
)
def test_a_quantity_that_is_damaged_says_where(key, value, said):
    assert Schema.from_json(json.dumps(quantity())).target.log
    schema_refused(quantity(), ("target", key), value, said)


@pytest.mark.parametrize("where", ["version", "columns", "target", "holes"])
def test_a_schema_that_lacks_a_part(where):
    found = good()
    del found[where]
    with pytest.raises(ValueError, match=where):
        Schema.from_json(json.dumps(found))


def test_the_model_file_holds_network_and_schema(tmp_path):
    schema = Schema.fit(read_csv(FRUIT), "fruit")
    net = xpnet.Network([schema.width, 5, 3], loss="cross_entropy")
    path = tmp_path / "m.safetensors"
    save_model(net, schema, path)
    assert read_schema(path) == schema
    np.testing.assert_array_equal(xpnet.load(path).parameters, net.parameters)
    first = path.read_bytes()
    save_model(net, schema, path)
    assert path.read_bytes() == first
    net.save(path)
    assert read_schema(path) is None
    xpnet.files.save.save(net, path, extra={"schema": '{"version": 9}'})
    with pytest.raises(ValueError, match=r"m\.safetensors' has a schema that can't be used: "):
        read_schema(path)

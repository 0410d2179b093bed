"""The schema: the columns of X, the task and the classes of a table."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import FRUIT
from xpnet.tables import (
    Schema,
    Table,
    read_csv,
)
from xpnet.tables.bounded import Bounded
from xpnet.tables.categorical import Categories, Codes
from xpnet.tables.numeric import Numeric
from xpnet.tables.targets import Classes


def test_the_schema_of_the_fruit_by_hand():
    table = read_csv(FRUIT)
    schema = Schema.fit(table, "fruit")
    weights = np.array([float(cell) for cell in table.text("weight, g")])
    q25, median, q75 = np.percentile(weights, (25, 50, 75))
    assert schema == Schema(
        (
            Categories("colour", ("green", "purple", "red", "yellow")),
            Categories("grown in", ("Kent", "Murcia", "Sicily", "Somerset, west", "Wye valley")),
            Numeric("weight, g", Bounded(median, q75 - q25, weights.min(), weights.max())),
        ),
        Classes("fruit", ("apple", "lemon", "plum")),
    )
    X, Y = schema.transform(table)
    assert (X.shape, X.dtype, Y.dtype) == ((36, 12), np.float64, np.int64)
    assert schema.width == 12
    assert Y[:6].tolist() == [0, 1, 2, 0, 1, 2]
    # red, Wye valley; each has a column for all other texts
    np.testing.assert_array_equal(X[0, :11], [0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(X[:, :5].sum(axis=1), 1)
    z = (weights - median) / (q75 - q25)
    np.testing.assert_allclose(X[:, 11], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-14)


def test_columns_may_be_in_any_order_and_others_among_them():
    table = read_csv(FRUIT)
    schema = Schema.fit(table, "fruit")
    other = {name: table.columns[name] for name in reversed(table.names) if name != "fruit"}
    X, Y = schema.transform(Table({"new": [[1]] * 36, **other}))
    np.testing.assert_array_equal(X, schema.transform(table)[0])
    assert Y is None
    with pytest.raises(ValueError, match="the table has no column 'colour': its columns are"):
        schema.transform(Table({"weight, g": [1.0], "grown in": ["Kent"]}))


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        (
            "fruit",
            "pear",
            "the class 'pear' is not one of the training's 3 classes: 'apple', 'lemon'",
        ),
        ("fruit", "", "the cell is empty"),
        (
            "weight, g",
            "heavy",
            "'heavy' is not among the column's numbers such as 1234.5: correct it, leave",
        ),
        ("weight, g", "-inf", "'-inf' is not among the column's numbers"),
    ],
)
def test_a_cell_that_no_column_can_take_is_named(path, column, cell, said):
    table = read_csv(FRUIT)
    schema = Schema.fit(table, "fruit")
    cells = {name: table.text(name) for name in table.names}
    cells[column][5] = cell
    with pytest.raises(ValueError, match="line") as error:
        schema.transform(Table(cells, str(path), table.lines))
    assert str(error.value).startswith(f"{path}, line 7, column {column!r}: {said}")


def test_rules_are_those_of_the_rows_and_classes_those_of_the_table():
    cells = {"a": [1.0, 3.0, 100.0], "c": ["u", "u", "v"], "k": ["p", "p", "q"]}
    table = Table({**cells, "y": [0.1, 0.3, 0.9]})
    schema = Schema.fit(table, "y", "regression", rows=np.array([0, 1]), ignore=["k"])
    assert schema.columns == (Numeric("a", Bounded(2.0, 1.0, 1.0, 3.0)), Categories("c", ("u",)))
    target = schema.target
    assert (target.mean, target.scale) == (pytest.approx(0.2), pytest.approx(0.1))
    assert (target.lowest, target.highest) == (0.1, 0.3)
    assert Schema.fit(table, "k", rows=np.array([0, 1])).target.classes == ("p", "q")


TASKS = [
    (["a", "b"] * 20, "classification", "text"),
    ([0, 1] * 20, "classification", "2 different whole numbers"),
    (["0", "1"] * 20, "classification", "2 different whole numbers"),
    (["0.0", "1.0"] * 20, "classification", "2 different whole numbers"),
    (list(range(20)) * 5, "classification", "20 different whole numbers"),
    (list(range(21)) * 5, "regression", "21 different numbers"),
    (list(range(10)) * 4, "regression", "10 different numbers"),
    ([0.5, 1.5] * 20, "regression", "2 different numbers"),
    ([True, False] * 20, "classification", "text"),
]


@pytest.mark.parametrize(("cells", "task", "why"), TASKS)
def test_the_task_is_told_from_the_column(cells, task, why):
    from xpnet.tables.targets import task_of

    table = Table({"x": np.arange(len(cells)), "y": cells})
    found, reason = task_of(table, "y")
    assert found == task
    assert why in reason
    assert Schema.fit(table, "y").task == task


def test_the_task_that_is_asked_for_wins():
    table = Table({"x": np.arange(8), "y": [0, 1, 2, 3] * 2})
    assert Schema.fit(table, "y").task == "regression"
    assert Schema.fit(table, "y", "classification").target.classes == ("0", "1", "2", "3")
    with pytest.raises(
        ValueError, match="task must be 'classification' or 'regression', got 'rank"
    ):
        Schema.fit(table, "y", "rank")
    with pytest.raises(ValueError, match="row 1, column 'y': 'a' is not among the column's numb"):
        Schema.fit(Table({"x": [1, 2], "y": ["a", "b"]}), "y", "regression")


def test_classes_that_are_numbers_are_in_their_order_and_keep_their_text():
    table = Table({"x": np.arange(60), "y": ["10", "9", "-1"] * 20})
    schema = Schema.fit(table, "y")
    assert schema.target.classes == ("-1", "9", "10")
    assert schema.transform(table)[1][:3].tolist() == [2, 1, 0]
    codes = Table({"x": np.arange(40), "y": ["007", "12"] * 20})
    assert Schema.fit(codes, "y").target.classes == ("007", "12")
    with pytest.raises(ValueError, match=r"the classes '1' and '1\.0' are the same number"):
        Schema.fit(Table({"x": np.arange(60), "y": ["1", "1.0", "2"] * 20}), "y")


def test_numbers_may_be_told_to_be_text():
    table = Table({"zip": ["01234", "1234", "98765"] * 2, "y": ["a", "b"] * 3})
    for asked in ({"text": ["zip"]}, {"read_as": {"zip": "text"}}):
        schema = Schema.fit(table, "y", **asked)
        assert schema.columns == (Categories("zip", ("01234", "1234", "98765")),)
    floats = Table({"zip": [1.0, 2.5] * 2, "y": ["a", "b"] * 2})
    assert Schema.fit(floats, "y", text=["zip"]).columns == (Categories("zip", ("1", "2.5")),)


def test_a_column_may_be_embedded():
    table = read_csv(FRUIT)
    schema = Schema.fit(table, "fruit", embed={"grown in": 3, "colour": None})
    colours, places = (schema.columns[i].known for i in range(2))
    assert schema.columns[:2] == (Codes("colour", colours, 3), Codes("grown in", places, 3))
    X, _ = schema.transform(table)
    assert (X.shape, schema.width) == ((36, 3), 3)
    assert [colours[int(code)] for code in X[:, 0]] == table.text("colour")
    assert [places[int(code)] for code in X[:, 1]] == table.text("grown in")
    one_hot = Schema.fit(table, "fruit")
    assert (one_hot.columns[0].known, one_hot.columns[1].known) == (colours, places)
    np.testing.assert_array_equal(X[:, 2], one_hot.transform(table)[0][:, 11])


@pytest.mark.parametrize(
    ("n", "dim"), [(1, 2), (2, 2), (3, 2), (4, 3), (8, 3), (99, 10), (1023, 32), (1024, 32)]
)
def test_the_root_of_the_categories_with_other_is_the_dim(n, dim):
    table = Table({"c": [f"c{i}" for i in range(n)] * 2, "y": ["a", "b"] * n})
    assert Schema.fit(table, "y", embed={"c": None}).columns[0].dim == dim
    assert Schema.fit(table, "y", embed={"c": 7}).columns[0].dim == 7


def test_a_network_embeds_as_it_would_by_one_hot_columns(backend):
    """E is a factor of the first weights, W_one-hot = W Eᵀ, whatever columns are around it."""
    table, embed = read_csv(FRUIT), {"grown in": 3, "colour": 2}
    found, plain = Schema.fit(table, "fruit", embed=embed), Schema.fit(table, "fruit")
    (layer,) = found.input_layers()
    settings = {"backend": backend, "dtype": "float64"}
    net = xpnet.Network([found.width, layer, 5, 3], **settings)
    theta, first = xpnet.to_numpy(net.parameters), net.layers[0]
    E, F = (theta[s.offset : s.offset + s.size].reshape(s.shape) for s in first.slots)
    W = xpnet.to_numpy(net.weights[0])  # [number | colour | grown in]
    assert (E.shape, F.shape, W.shape) == ((5, 2), (6, 3), (5, 6))
    one_hot = np.concatenate([W[:, 1:3] @ E.T, W[:, 3:] @ F.T, W[:, :1]], axis=1)
    same = xpnet.Network([plain.width, 5, 3], **settings)
    same.set_weights([one_hot, net.weights[1]], net.biases)
    expected = xpnet.to_numpy(same(plain.features(table)))
    np.testing.assert_allclose(xpnet.to_numpy(net(found.features(table))), expected, rtol=1e-13)
    assert plain.input_layers() == ()


def test_an_embedded_column_is_found_behind_wider_ones():
    schema = Schema.fit(read_csv(FRUIT), "fruit", embed={"grown in": 2})  # after four colours
    (layer,) = schema.input_layers()
    assert (schema.width, layer.columns, layer.categories, layer.dims) == (7, (5,), (6,), (2,))


def test_numbers_are_embedded_as_the_text_they_are():
    table = Table({"month": [1.0, 12.0, 2.0, 1.0, 12.0], "y": ["a", "b", "a", "b", "a"]})
    schema = Schema.fit(table, "y", embed={"month": 1})
    assert schema.columns == (Codes("month", ("1", "12"), 1),)
    assert schema.features(table)[:, 0].tolist() == [0, 1, 2, 0, 1]  # 2 is rare
    assert schema.features(Table({"month": [3]}))[:, 0].tolist() == [2]


@pytest.mark.parametrize(("dim", "error"), [(0, ValueError), (2.0, TypeError), ("2", TypeError)])
def test_what_is_no_dim(dim, error):
    with pytest.raises(error, match="the dim of column 'colour' must be a positive integer, got"):
        Schema.fit(read_csv(FRUIT), "fruit", embed={"colour": dim})


def test_what_cannot_be_embedded():
    with pytest.raises(ValueError, match="'fruit' is the target"):
        Schema.fit(read_csv(FRUIT), "fruit", embed={"fruit": 2})
    with pytest.raises(ValueError, match="no column 'color': did you mean 'colour'"):
        Schema.fit(read_csv(FRUIT), "fruit", embed={"color": 2})


@pytest.mark.parametrize("option", ["text", "ignore"])
def test_options_name_columns_that_are_there(option):
    with pytest.raises(ValueError, match="no column 'zap': did you mean 'zip'"):
        Schema.fit(Table({"zip": [1], "y": ["a"]}), "y", **{option: ["zap"]})


def test_a_column_of_keys_is_left_out_and_that_is_said():
    table = Table({"key": [f"k{i}" for i in range(60)], "x": range(60), "y": ["a", "b"] * 30})
    for asked in ({}, {"embed": {"key": None}}):
        with pytest.warns(UserWarning, match="column 'key' is left out: no text occurs twice"):
            schema = Schema.fit(table, "y", **asked)
        assert [column.name for column in schema.columns] == ["x"]
    with (
        pytest.warns(UserWarning, match="column 'key' is left out"),
        pytest.raises(ValueError, match="the table: no column has anything to learn from"),
    ):
        Schema.fit(table, "y", ignore=["x"])


@pytest.mark.parametrize(("embed", "most"), [({}, 256), ({"key": None}, 10_000)])
def test_only_the_most_frequent_of_many_categories_are_known(embed, most):
    """So that no column of keys fills the memory."""
    keys = [f"k{i:05}" for i in range(most + 2) for _ in range(3 if i >= 2 else 2)]
    table = Table({"key": keys, "y": (["a", "b"] * len(keys))[: len(keys)]})
    (column,) = Schema.fit(table, "y", embed=embed).columns
    assert column.known == tuple(f"k{i:05}" for i in range(2, most + 2))
    assert column.width == (1 if embed else most + 1)


def test_a_target_of_keys_is_an_error():
    table = Table({"x": np.arange(1001), "key": [f"k{i}" for i in range(1001)]})
    said = "column 'key' has 1001 different texts, but at most 1000 classes are allowed"
    with pytest.raises(ValueError, match=said):
        Schema.fit(table, "key")


def test_predictions_restore_classes_and_units(backend):
    classes = Schema.fit(Table({"x": [1, 2, 3], "y": ["b", "a", "c"]}), "y")
    outputs = backend.xp.asarray([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], device=backend.device)
    found = classes.predictions(outputs)
    assert list(found) == ["prediction", "probability_a", "probability_b", "probability_c"]
    assert found["prediction"].tolist() == ["b", "a"]
    np.testing.assert_allclose(found["probability_b"], [0.7, 0.25])
    values = Schema.fit(Table({"x": [1, 2], "y": [10.0, 30.0]}), "y", "regression")
    found = values.predictions(backend.xp.asarray([[0.0], [1.0]], device=backend.device))
    assert {k: v.tolist() for k, v in found.items()} == {"prediction": [20.0, 30.0]}
    found = values.predictions(backend.xp.asarray([[-9.0], [9.0]], device=backend.device))
    assert found["prediction"].tolist() == [10.0, 30.0]  # within what training had
    with pytest.raises(ValueError, match=r"outputs must be \(N, 3\) .*'y', got \(2, 1\)"):
        classes.predictions(np.zeros((2, 1)))

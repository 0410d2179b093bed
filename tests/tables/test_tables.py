"""A user's own table: reading it, turning it into numbers, and naming bad cells in errors."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import xpnet
from tests.support.helpers import FRUIT, needed
from tests.support.processes import loaded_after
from tests.support.tables import MAKERS, frame_of, written
from xpnet.tables import (
    Schema,
    Table,
    from_frame,
    held_out,
    read_csv,
    read_parquet,
    read_schema,
    save_model,
    write_csv,
)
from xpnet.tables.bounded import Bounded
from xpnet.tables.categorical import Categories, Codes
from xpnet.tables.numeric import Numeric
from xpnet.tables.targets import Classes

HOSTILE = (
    "a,b",
    'say "x"',
    "two\nlines",
    "=1+1",
    " ",
    "0",
    "nan",
    "é😀",
    "\r",
    "-",
    "'",
    "a;b",
    "#",
)


def message(path: Path, text: str | bytes, use=lambda table: Schema.fit(table, "y")) -> str:
    """Read the text and use its table; return the one-line error after the path."""
    with pytest.raises((ValueError, TypeError)) as error:
        use(read_csv(written(path, text)))
    said = str(error.value)
    assert said.startswith(str(path))
    assert len(said.splitlines()) == 1
    return said.removeprefix(str(path))


# --- reading CSV


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [True, False])
def test_csv_is_read_whatever_its_line_ends(path, end, mark, last):
    text = end.join(["a,b", "1,x", '2,"y, z"'] + [""] * last)
    table = read_csv(written(path, mark + text.encode()))
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(table.numbers("a"), [1, 2])
    assert table.text("b") == ["x", "y, z"]
    assert table.lines.tolist() == [2, 3]


def test_lines_are_counted_as_an_editor_does(path):
    text = '"a\nname",y\n1,"p\nq"\n2,"r\n\ns"\n3,t\n'
    table = read_csv(written(path, text))
    assert table.names == ("a\nname", "y")
    assert table.lines.tolist() == [3, 5, 8]


def test_more_rows_than_are_held_at_a_time_keep_their_order(path):
    rows = "".join(f"{i},{'long text ' * 3}{i}\n" for i in range(2500))
    table = read_csv(written(path, "n,text\n" + rows))
    np.testing.assert_array_equal(table.numbers("n"), np.arange(2500))
    np.testing.assert_array_equal(table.lines, np.arange(2500) + 2)
    assert table.text("text")[2001] == "long text " * 3 + "2001"


def test_what_is_a_number(path):
    cells = ["1", " 1.5 ", "-2e3", "+.5", "5.", "1E-2"]
    table = read_csv(written(path, "a\n" + "\n".join(cells)))
    np.testing.assert_array_equal(table.numbers("a"), [1, 1.5, -2000, 0.5, 5, 0.01])
    for cell in ("1_000", "0x10", "1,5", "one", "--1"):
        table = Table({"a": ["1", "2", cell]})
        with pytest.raises(ValueError, match=f"row 3, column 'a': '{cell}' is not a number"):
            table.numbers("a")


def test_one_slip_does_not_make_text_of_numbers_but_many_do():
    assert not Table({"a": ["1", "2", "x"]}).is_text("a")
    assert not Table({"a": ["1", "", ""]}).is_text("a")
    assert not Table({"a": ["", ""]}).is_text("a")
    assert Table({"a": ["1", "2", "x", "y"]}).is_text("a")
    assert not Table({"a": ["nan", "nan", "nan"]}).is_text("a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", " is empty: the first line must be a header, the columns' names"),
        ("\n\n\n", " is empty: the first line must be a header, the columns' names"),
        ("x,y\n", " has no rows below its header"),
        ("x,x,y\n1,2,3\n", ", line 1: columns 1 and 2 are both 'x'"),
        ("x,,y\n0,1,2\n", ", line 1: column 2 has no name"),
        ('""\n0\n', ", line 1: column 1 has no name"),
        ("x,y\n1,2\n3\n", ", line 3 has 1 cell, but the header 2: none for 'y'"),
        ("x,y\n1,2\n3,4,5\n", ", line 3 has 3 cells, but the header 2: the last is column 'y'"),
        ('x,y\n"1\n2",3\n4\n', ", line 4 has 1 cell, but the header 2: none for 'y'"),
        ("x,y\n1,2\n\n3,4\n", ", line 3 is empty"),
        ('x,y\n1,2\n3,"4\n5,6\n', ", line 3: unexpected end of data"),
        ('x,y\n1,"2"3\n', ", line 2: ',' expected after '\"'"),
        (b"x,y\n1,\xc3\xa9\n3,caf\xe9\n", ", line 3 is not UTF-8 text: save the file as UTF-8"),
        (b"\xff\xfex\0,\0y\0\n\0\x01", ", line 2 is not UTF-16 text: save the file as UTF-8"),
        ("x,y\n1,2\n".encode("utf-16-le"), ", line 1 has NUL characters"),
        ("x,z\n1,2\n", " has no column 'y': its columns are 'x', 'z'"),
        ("x,yy\n1,2\n", " has no column 'y': did you mean 'yy'? its columns are 'x', 'yy'"),
        ("x;y\n1\n", " (one column, whose name has semicolons: to separate columns, every row"),
        ("5.1,a\n4.9,b\n", "(the first line must be a header, the columns' names)"),
        ("y\n1\n2\n", ": no column is left besides the target 'y'"),
        ("x,y\n1,a\n2,\n", ", line 3, column 'y': the cell is empty"),
        ('x,y\n1,"a\nb"\n2,\n', ", line 4, column 'y': the cell is empty"),
        ("x,y\n1,a\n2,b\n!,a\n", ", line 4, column 'x': '!' is not among the column's numbers"),
        ("x,y\n1,a\n2,b\n3,a\ninf,b\n", ", line 5, column 'x': 'inf' is not among the column's"),
        ("x,y\n1,a\n2,b\n3,a\n1e999,b\n", ", line 5, column 'x': '1e999' is not among the column"),
        ("x,y\n1,a\n2,a\n", ", column 'y' has one class, 'a'"),
        ("x,y\n1,5\n2,5\n", ", column 'y' has one class, '5'"),
        ("x,y\n1,5.5\n2,5.5\n", ", column 'y' is 5.5 in every row"),
        ("y,x\n1e308,1\n1.5e308,2\n", ", column 'y': its numbers are too large to average"),
        ("x,y\n-1.5e308,a\n1.5e308,b\n", ", column 'x': its numbers are too large to subtract"),
        ('"x\ny",y\n1,a\n2,b\n!,a\n', ", line 5, column 'x\\ny': '!' is not among the column's"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(path, text, said):
    assert said in message(path, text)


def test_a_file_that_is_not_there(path):
    for read in (read_csv, read_parquet):
        with pytest.raises(FileNotFoundError, match=r"there is no file .*t\.csv"):
            read(path)


def test_a_long_cell_is_cut_in_the_error(path):
    found = message(path, f"x,y\n1,a\n2,b\n{'z' * 9000},a\n")
    assert len(found) - len(str(path)) < 200


def test_cells_that_no_column_uses_may_be_anything(path):
    table = read_csv(written(path, "x,note,y\n1,,a\n2,inf,b\n"))
    assert Schema.fit(table, "y", ignore=["note"]).width == 1


# --- writing CSV


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, min_size=1)
)
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_by_the_csv_module(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("w") / "t.csv"
    cells = [name + '"' for name in names]
    write_csv(path, {name: np.array(cells, np.dtypes.StringDType()) for name in names})
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [names, *([cell] * len(names) for cell in cells)]


def test_numbers_are_written_as_short_as_they_are_whole(path):
    write_csv(path, {"a": np.float32([0.1, 1e-7]), "b": np.array([0.1, 1 / 3])})
    assert path.read_text() == "a,b\n0.1,0.1\n1e-07,0.3333333333333333\n"


def test_a_file_is_written_whole_or_not_at_all(path):
    path.write_text("before")
    with pytest.raises(ValueError, match="differ in length"):
        write_csv(path, {"a": np.zeros(3), "b": np.zeros(2)})
    assert path.read_text() == "before"
    assert os.listdir(path.parent) == ["t.csv"]


# --- tables and frames


def test_columns_of_a_table_are_numbers_or_text():
    table = Table(
        {
            "float": np.float32([1, 2]),
            "int": [1, 2],
            "text": ["a", "b"],
            "bool": [True, False],
            "fixed": np.array(["a", "b"]),
            "gap": [None, 1.0],
            "gaps": ["a", None],
        }
    )
    assert [table.is_text(name) for name in table.names] == [False, False, *[True] * 3, False, True]
    assert table.text("bool") == ["True", "False"]
    assert table.text("int") == ["1", "2"]
    for name, row in (("gap", 1), ("gaps", 2)):
        with pytest.raises(ValueError, match=f"row {row}, column '{name}': the cell is empty"):
            (table.numbers if name == "gap" else table.text)(name)


@pytest.mark.parametrize(
    ("columns", "error", "match"),
    [
        ({"a": [1, 2], "b": [1]}, ValueError, "differ in length"),
        ({"a": np.zeros((2, 1))}, ValueError, "one dimension"),
        ({1: [1]}, TypeError, "a column's name must be a str, got 1"),
        ({"a": ["\ud800"]}, ValueError, "column 'a' holds text that is not Unicode"),
    ],
)
def test_a_table_that_can_not_be(columns, error, match):
    with pytest.raises(error, match=match):
        Table(columns)


@pytest.mark.parametrize("values", [["a", 1], [1j, 2j], [[1], [2, 3]], [True, 1.0], [[1], [2]]])
def test_a_column_of_another_kind_is_an_error_where_it_is_used(values):
    table = Table({"odd": values, "x": [1, 2], "y": ["a", "b"]})
    assert Schema.fit(table, "y", ignore=["odd"]).width == 1
    with pytest.raises(TypeError, match=r"the table, column 'odd' holds .*: make it numbers or"):
        Schema.fit(table, "y")


FRAME = {
    "n": [1, 2, 3, 4],
    "x": [0.5, 1.5, 2.5, 3.5],
    "flag": [True, False, True, True],
    "s": ["p", "q", "p", "q"],
}


@pytest.mark.parametrize("library", MAKERS)
def test_a_frame_is_the_table_of_its_columns(library):
    table = from_frame(frame_of(library, FRAME))
    assert table.names == ("n", "x", "flag", "s")
    np.testing.assert_array_equal(table.numbers("n"), FRAME["n"])
    np.testing.assert_array_equal(table.numbers("x"), FRAME["x"])
    assert table.text("flag") == ["True", "False", "True", "True"]
    assert table.text("s") == FRAME["s"]


@pytest.mark.parametrize("library", MAKERS)
def test_a_null_of_a_frame_is_a_missing_cell(library):
    table = from_frame(frame_of(library, {k: [*v[:2], None] for k, v in FRAME.items()}))
    for column in ("n", "x"):
        with pytest.raises(ValueError, match=f"frame, row 3, column '{column}': the cell is empty"):
            table.numbers(column)
    for column in ("flag", "s"):
        with pytest.raises(ValueError, match=f"frame, row 3, column '{column}': the cell is empty"):
            table.text(column)


def test_frames_of_pandas_with_its_own_kinds():
    pd = needed("pandas")
    needed("narwhals")
    frame = pd.DataFrame({"i": pd.array([1, None], "Int64"), "c": pd.Categorical(["a", None])})
    frame["o"], frame["d"] = np.array(["x", np.nan], object), pd.to_datetime(["2020-01-01"] * 2)
    table = from_frame(frame.set_index(pd.Index([7, 8])))
    assert table.columns["i"].tolist()[0] == 1
    assert math.isnan(table.columns["i"][1])
    assert table.columns["c"].tolist() == ["a", ""]
    assert table.columns["o"].tolist() == ["x", ""]
    assert table.columns["d"].tolist() == ["2020-01-01"] * 2
    for twice in (["a", "a"], [1, "1"]):
        with pytest.raises(ValueError, match="frame"):
            from_frame(pd.DataFrame([[1, 2]], columns=twice))
    assert from_frame(pd.DataFrame([[1, 2]], columns=[0, 1])).names == ("0", "1")


@pytest.mark.parametrize("what", [[[1]], 3, {"a": [1]}, "lazy"])
def test_what_is_no_frame_is_a_type_error_of_one_line(what):
    needed("narwhals")
    frame = needed("polars").LazyFrame({"a": [1]}) if what == "lazy" else what
    with pytest.raises(TypeError, match="the data frame can't be read") as error:
        from_frame(frame)
    assert len(str(error.value).splitlines()) == 1


def test_a_column_and_a_lazy_frame_are_errors_that_say_what_to_pass():
    pd = needed("pandas")
    with pytest.raises(
        TypeError, match=r"it is a single column, a Series: .* series\.to_frame\(\)"
    ):
        from_frame(pd.Series([1, 2]))
    with pytest.raises(TypeError, match=r"it is lazy, a LazyFrame: pass frame\.collect\(\)"):
        from_frame(type("LazyFrame", (), {})())


def test_a_day_that_does_not_exist_is_called_that():
    days = [f"2021-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(99)] + ["2021-02-30"]
    table = Table({"d": days})
    with pytest.raises(ValueError, match="'2021-02-30' is a date that does not exist: correct it"):
        table.settle(["d"])
    days[-1] = "soon"
    with pytest.raises(ValueError, match="'soon' is not among the column's dates such as"):
        Table({"d": days}).settle(["d"])


def test_parquet_is_the_same_table_as_its_csv(tmp_path):
    pa = needed("pyarrow")
    from pyarrow import parquet

    table = read_csv(FRUIT)
    columns = {name: table.text(name) for name in ("colour", "grown in", "fruit")}
    columns["weight, g"] = table.numbers("weight, g").astype(int)
    parquet.write_table(pa.table(columns), tmp_path / "f.parquet")
    found = read_parquet(tmp_path / "f.parquet")
    a, b = (Schema.fit(t, "fruit", ignore=["colour"]) for t in (table, found))
    assert {c.name: c for c in a.columns} == {c.name: c for c in b.columns}
    np.testing.assert_array_equal(a.transform(table)[0], a.transform(found)[0])
    with pytest.raises(ValueError, match=r"f\.parquet, row 1, column 'fruit': the class 'apple'"):
        Classes("fruit", ("a", "b")).encode(found)


def test_a_file_that_is_no_parquet(tmp_path):
    needed("pyarrow")
    path = written(tmp_path / "f.parquet", "x,y\n1,2\n")
    with pytest.raises(ValueError, match=r"f\.parquet can't be read as Parquet: ") as error:
        read_parquet(path)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("package", ["pyarrow", "narwhals"])
def test_a_missing_package_gives_the_command(path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    written(path, "x")
    read = {"pyarrow": read_parquet, "narwhals": from_frame}[package]
    with pytest.raises(ImportError, match=f'by {package}: pip install "xpnet\\[data\\]"'):
        read(path)


# --- the schema


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


# --- JSON, and the model file

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
    assert_refused(good(), where, value, said)


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
    assert_refused(quantity(), ("target", key), value, said)


def assert_refused(found: dict, where: tuple, value, said: str) -> None:
    part = found
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    with pytest.raises(ValueError, match=re.escape(said)):
        Schema.from_json(json.dumps(found))


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


# --- rows held out


def test_rows_are_held_out_by_class_or_by_chance():
    labels = np.array(["a"] * 10 + ["b"] * 50)
    train, test = held_out(labels, 60, 0.2)
    assert np.sum(test < 10) == 2
    assert len(test) == 12
    assert sorted([*train, *test]) == list(range(60))
    train, test = held_out(None, 60, 0.2)
    assert sorted([*train, *test]) == list(range(60))
    assert len(test) == 12
    assert not np.array_equal(test, held_out(None, 60, 0.2, seed=1)[1])
    assert [len(rows) for rows in held_out(None, 60, 0)] == [60, 0]


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, math.nan])
def test_a_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match=r"held out must be in \[0, 1\), got"):
        held_out(None, 10, fraction)


def test_too_few_rows_to_hold_any_out():
    with pytest.raises(ValueError, match=r"2 rows are too few: a fraction of 0\.2"):
        held_out(None, 2, 0.2)
    with pytest.raises(ValueError, match="class 'rare' has 1 examples"):
        held_out(np.array(["rare", *["often"] * 20], np.dtypes.StringDType()), 21, 0.2)


# --- the cost of an import


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("xpnet", {"xpnet.tables", "pyarrow", "narwhals"}),
        ("xpnet.tables", {"pyarrow", "narwhals", "pandas"}),
    ],
)
def test_an_import_reads_no_more_than_it_needs(name, absent):
    assert absent.isdisjoint(loaded_after(f"import {name}"))


def test_hostile_names_come_through_csv_whole(path):
    """Names and classes may have commas, quotes, newlines, or a leading '='."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(
        [[*HOSTILE, "y"], *([*map(str, range(len(HOSTILE))), name] for name in HOSTILE)]
    )
    table = read_csv(written(path, text.getvalue()))
    schema = Schema.from_json(Schema.fit(table, "y").to_json())
    assert tuple(column.name for column in schema.columns) == HOSTILE
    assert set(schema.target.classes) == set(HOSTILE)
    outputs = np.eye(len(HOSTILE))
    write_csv(path, schema.predictions(outputs))
    again = read_csv(path)
    assert again.names == ("prediction", *(f"probability_{k}" for k in schema.target.classes))
    assert again.text("prediction") == list(schema.target.classes)


@pytest.mark.parametrize(
    "column",
    [
        np.asarray([2**53, 2**53 + 1] * 5),
        np.asarray([2**63, 2**63 + 1] * 5, np.uint64),
        [2**70, 2**70 + 1] * 5,
    ],
)
def test_integers_beyond_what_a_float_holds_are_told_apart(column):
    """A frame's column gives the same classes as in a CSV file, where cells are text at first."""
    table = Table({"x": np.arange(10.0), "key": column})
    assert table.text("key") == [str(int(k)) for k in column]
    assert not table.is_text("key")
    np.testing.assert_array_equal(table.numbers("key"), np.asarray(column, np.float64))
    target = Schema.fit(table, "key", "classification").target
    assert target.classes == tuple(str(int(k)) for k in column[:2])

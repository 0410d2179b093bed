"""Tables of columns and of data frames, rows held out, and what an import reads."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

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
)
from xpnet.tables.targets import Classes

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

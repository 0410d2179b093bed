"""Difficult tables: long integers, other notations, typing errors, other files, wrong types."""

from __future__ import annotations

import csv
import datetime
import re
import threading
import warnings
from decimal import Decimal

import numpy as np
import pytest

import xpnet
from tests.support.helpers import DATA, needed
from tests.support.tables import MAKERS, frame_of, written
from xpnet.tables import (
    Schema,
    Table,
    from_frame,
    held_out,
    read_csv,
    read_parquet,
    read_schema,
    read_table,
    save_model,
    write_csv,
)
from xpnet.tables.csv_files import header_of
from xpnet.tables.outliers import outlying
from xpnet.tables.table import repeated

BIG = [2**53 + 1, 2**53, 7]


# --- every digit


@pytest.mark.parametrize("library", MAKERS)
@pytest.mark.parametrize(
    ("values", "text"),
    [
        (BIG, ["9007199254740993", "9007199254740992", "7"]),
        ([*BIG[:2], None], ["9007199254740993", "9007199254740992", ""]),
        ([2**64 - 1, 2**64 - 2, 1], ["18446744073709551615", "18446744073709551614", "1"]),
        (
            [Decimal("9007199254740993.5"), Decimal("1.50"), None],
            ["9007199254740993.5", "1.5", ""],
        ),
    ],
)
def test_numbers_of_frames_keep_every_digit_as_in_csv(library, values, text):
    if library == "pandas":
        kind = "Int64" if isinstance(values[0], int) and values[0] < 2**63 else object
        values = needed("pandas").array(values, kind)
    if library == "polars" and isinstance(values[0], int) and values[0] > 2**63:
        polars = needed("polars")
        values = polars.Series(values, dtype=polars.UInt64)
    if library == "pyarrow" and isinstance(values[0], int) and values[0] > 2**63:
        values = needed("pyarrow").array(values, "uint64")
    table = from_frame(frame_of(library, {"id": values}))
    assert table.columns["id"].tolist() == text


@pytest.mark.parametrize("library", MAKERS)
def test_small_integers_with_and_without_nulls_are_numbers(library):
    table = from_frame(frame_of(library, {"a": [1, 2, 3], "b": [1, None, 3]}))
    np.testing.assert_array_equal(table.numbers("a"), [1, 2, 3])
    assert table.columns["b"].dtype == np.float64
    assert not table.is_text("b")


def test_parquet_with_long_integers_is_read_and_may_be_ignored(tmp_path):
    pa = needed("pyarrow")
    needed("narwhals")
    from pyarrow import parquet

    columns = {
        "id": pa.array([2**60 + i for i in range(40)]),
        "price": pa.array([Decimal("1.25") + i for i in range(40)], pa.decimal128(10, 2)),
        "x": list(range(40)),
        "y": ["a", "b"] * 20,
        "when": [datetime.date(2020, 1, 1)] * 40,
        "raw": [b"x"] * 40,
        "list": [[1]] * 40,
        "took": [datetime.timedelta(1)] * 40,
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(table.numbers("price"), np.arange(40) + 1.25)
    assert table.text("id")[:2] == [str(2**60), str(2**60 + 1)]
    assert table.text("when") == ["2020-01-01"] * 40
    np.testing.assert_array_equal(table.numbers("took"), 1)
    odd = ["raw", "list"]
    for name in odd:
        with pytest.raises(TypeError, match=f"t.parquet, column '{name}' holds .*make it numbers"):
            table.numbers(name)
    assert Schema.fit(table, "y", ignore=["id", "when", *odd]).width == 3
    target = Schema.fit(table, "id", "classification", ignore=["when", *odd]).target
    assert len(target.classes) == 40


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([np.int64(2**53 + 1), np.int64(2**53)], ["9007199254740993", "9007199254740992"]),
        ([2**53 + 1, 0.5, None], ["9007199254740993", "0.5", ""]),
        ([Decimal("0.10"), Decimal("NaN")], [0.1, np.nan]),
        (np.ma.array([1, 2], mask=[False, True]), [1.0, np.nan]),
        (np.ma.array([2**53 + 1, 2], mask=[False, True]), ["9007199254740993", ""]),
        ([1.5, 2.0**60], [1.5, 2.0**60]),
    ],
)
def test_numbers_of_any_kind_keep_every_digit(values, expected):
    found = Table({"a": values}).columns["a"].tolist()
    assert list(map(str, found)) == list(map(str, expected))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([b"a\xc1"], "string"),  # not UTF-8
        ([2**62], "timestamp[s]"),  # beyond Python's years
        ([2**31 - 1], "date32"),
    ],
)
def test_a_cell_of_a_frame_that_python_cannot_hold_names_its_column(values, kind):
    needed("narwhals")
    pa = needed("pyarrow")
    cells = pa.array(values).view(kind) if kind == "string" else pa.array(values, kind)
    with pytest.raises(
        ValueError, match=r"^the data frame, column 'when' can't be read: [^\n]+$"
    ) as caught:
        from_frame(pa.table({"when": cells}))
    assert type(caught.value) is ValueError
    with pytest.raises(ValueError, match="column 'when' can't be read: "):
        Table({"when": cells})


def test_columns_of_other_libraries():
    pa = needed("pyarrow")
    table = Table({"a": pa.array([1, None]), "b": needed("torch").ones(2)})
    np.testing.assert_array_equal(table.columns["a"], [1, np.nan])
    np.testing.assert_array_equal(table.numbers("b"), [1, 1])


# --- CSV of any width and length


class Counted(str):
    """A name that counts its comparisons."""

    compared = 0

    def __eq__(self, other):
        Counted.compared += 1
        return str(self) == str(other)

    __hash__ = str.__hash__


def test_a_header_is_read_in_linear_time(path):
    Counted.compared = 0
    assert repeated([Counted(f"c{i}") for i in range(5000)]) is None
    assert Counted.compared < 5000
    names = [f"c{i}" for i in range(20_000)]
    written(path, ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert read_csv(path).names == tuple(names)
    assert repeated(["a", "b", "c", "b", "a"]) == (1, 3)


def test_a_cell_of_any_length_and_the_modules_limit_as_it_was(path):
    before = csv.field_size_limit()
    written(path, "x,note\n1," + "z" * 200_000 + "\n")
    assert len(read_csv(path).text("note")[0]) == 200_000
    assert csv.field_size_limit() == before
    written(path, "x,x\n1,2\n")
    with pytest.raises(ValueError, match="both 'x'"):
        read_csv(path)
    assert csv.field_size_limit() == before


def test_threads_read_long_cells_at_once(tmp_path):
    paths = [written(tmp_path / f"{i}.csv", "x\n" + "z" * 150_000 + "\n") for i in range(8)]
    before, failed = csv.field_size_limit(), []

    def read(path):
        try:
            for _ in range(5):
                read_csv(path)
        except ValueError as error:
            failed.append(error)

    threads = [threading.Thread(target=read, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert csv.field_size_limit() == before


def test_the_header_alone(path):
    written(path, "a,b\n1\n")  # the row is too short, but is not read
    assert header_of(path).names == ("a", "b")
    assert len(header_of(path)) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x1f\x8b\x08\x00rest", "is compressed by gzip, but damaged: "),
        (b"PK\x03\x04rest", "is a zip archive that can't be read: File is not a zip file"),
        (b"\xfd7zXZ\0", "is compressed by xz"),
        (b"\x28\xb5\x2f\xfd", "is compressed by zstd"),
        (b"BZh91AY&SY", "is compressed by bzip2"),
        (b"PAR1\x15\x04", "is a Parquet file, not a CSV file: give it a name that ends in .parq"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"a;b\n1,2\n", "line 2 has 2 cells, but the header 1: the last is column 'a;b' (one"),
        (b"a\tb\n1,5\n", "(one column, whose name has tabs: to separate columns, every row needs"),
    ],
)
def test_a_file_of_another_kind_is_named(path, content, said):
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        read_csv(written(path, content))
    assert str(error.value).startswith(str(path))


def test_a_folder_is_no_table(tmp_path):
    for read in (read_csv, read_parquet):
        with pytest.raises(IsADirectoryError, match="is a folder: name a file"):
            read(tmp_path)


# --- outliers


def normal(n: int = 200, **cells: float) -> np.ndarray:
    values = np.random.default_rng(0).normal(5, 2, n)
    for place, value in cells.items():
        values[int(place[1:])] = value
    return values


@pytest.mark.parametrize("value", [1e9, -1e4, 5000.0, 1e300])
@pytest.mark.parametrize("n", [40, 200, 20_000])
def test_one_outlying_cell_is_found(n, value):
    assert outlying(normal(n, _7=value)).tolist() == [7]


def test_two_cells_like_those_of_diamonds_and_a_code_for_missing():
    values = np.clip(np.random.default_rng(0).normal(5.73, 1.1, 50_000), 3.7, 10.5).round(2)
    values[[17, 1234]] = 58.9, 31.8
    assert outlying(values).tolist() == [17, 1234]
    ages = np.random.default_rng(1).integers(18, 90, 400).astype(float)
    ages[::20] = -9999
    assert outlying(ages).tolist() == list(range(0, 400, 20))


@pytest.mark.parametrize("n", [10, 100, 1000, 50_000])
@pytest.mark.parametrize("seed", range(4))
def test_heavy_tails_and_few_values_are_no_outliers(n, seed):
    rng = np.random.default_rng(seed)
    columns = {
        "normal": rng.normal(size=n),
        "lognormal": rng.lognormal(size=n),
        "very skewed": rng.lognormal(0, 1.5, n),
        "exponential": rng.exponential(size=n),
        "Student, 3": rng.standard_t(3, n),
        "price": np.round(rng.lognormal(7.8, 1, n).clip(326, 18_823)),
        "carat": np.round(rng.lognormal(-0.4, 0.6, n), 2),
        "counts": rng.poisson(0.2, n).astype(float),
        "flag": (rng.random(n) < 0.01).astype(float),
        "mostly zero": np.where(rng.random(n) < 0.9, 0.0, rng.lognormal(8, 1, n)),
        "constant": np.ones(n),
        "constant, one slip": np.r_[np.ones(n - 1), 1e6],
    }
    assert [name for name, values in columns.items() if len(outlying(values))] == []


def test_a_cell_apart_that_does_no_harm_is_none():
    values = np.random.default_rng(0).uniform(-1, 1, 10_000)
    for value, found in ((5.0, []), (50.0, [3])):  # 9 and 77 standard deviations
        values[3] = value
        assert outlying(values).tolist() == found


def test_an_outlying_cell_is_no_warning_and_does_not_decide_the_scale(path):
    lines = [f"{v:.3f},{'ab'[i % 2]}" for i, v in enumerate(normal(100))]
    clean = Schema.fit(read_csv(written(path, "x,y\n" + "\n".join(lines))), "y")
    lines[41] = "5e7,b"
    table = read_csv(written(path, "x,y\n" + "\n".join(lines)))
    schema = Schema.fit(table, "y")  # warnings are errors here
    assert schema.columns[0].rule.scale == pytest.approx(clean.columns[0].rule.scale, rel=0.1)
    assert np.abs(schema.features(table)).max() <= np.nextafter(3, 4)


def test_a_cell_far_outside_of_the_training_rows_is_told(path):
    schema = Schema.fit(Table({"x": normal(100), "y": ["a", "b"] * 50}), "y")
    text = "x,z\n5,a\n5e7,b\n-1e5,c\n"
    (said,) = schema.news(read_csv(written(path, text)))
    assert said.startswith(f"{path}, column 'x': 2 cells are far outside of the training rows' ")
    assert said.endswith(", such as 50000000.0 in line 3")
    (said,) = schema.news(Table({"x": [5.0, 1e6]}))
    assert "column 'x': 1 cell is far outside" in said
    assert list(schema.news(Table({"x": [5.0, 9.0]}))) == []


def test_ordinary_columns_are_no_warning():
    table = read_csv(DATA / "fruit.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Schema.fit(table, "fruit")


def test_a_number_in_another_notation_is_told_how_to_write_it():
    with pytest.raises(ValueError, match=r"'1,234' is not a number: write it as 1234\.5"):
        Table({"a": ["1", "2", "1,234"]}).numbers("a")


# --- wrong types

GOOD = {"x": [1.0, 2.0, 3.0, 4.0], "y": ["a", "b", "a", "b"]}


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: Table(None), TypeError, "columns must be a dict, such as"),
        (lambda: Table([("a", [1])]), TypeError, "columns must be a dict, such as"),
        (lambda: Table({"a": "text"}), TypeError, "column 'a' must be a list of cells"),
        (lambda: Table({"a": 3}), TypeError, "column 'a' must be a list of cells"),
        (lambda: Table({"a": {1, 2}}), TypeError, "column 'a' must be a list of cells"),
        (lambda: Table({"a": None}), TypeError, "column 'a' must be a list of cells"),
        (
            lambda: Table({"a": [1]}, source=3),
            TypeError,
            "source must be a str, the name of the table",
        ),
        (lambda: Table({"a": [1]}, lines=[1, 2]), ValueError, r"lines must be \(1,\)"),
        (
            lambda: Table(GOOD).numbers(3),
            TypeError,
            "a column must be given by its name, a str, got 3",
        ),
        (lambda: Schema.fit(GOOD, "y"), TypeError, "the table must be an xpnet Table .* got dict"),
        (lambda: Schema.fit(None, "y"), TypeError, "got NoneType"),
        (
            lambda: Schema.fit(Table(GOOD), 1),
            TypeError,
            "the target must be given by its name, a str",
        ),
        (lambda: Schema.fit(Table(GOOD), None), TypeError, "the target must be given by its name"),
        (lambda: Schema.fit(Table(GOOD), "y", 3), ValueError, "task must be .*, got 3"),
        (lambda: Schema.fit(Table(GOOD), "y", ["regression"]), ValueError, "task must be"),
        (
            lambda: Schema.fit(Table(GOOD), "y", text="x"),
            TypeError,
            "text must be a list of columns",
        ),
        (
            lambda: Schema.fit(Table(GOOD), "y", ignore=3),
            TypeError,
            "ignore must be a list of columns",
        ),
        (lambda: Schema.fit(Table(GOOD), "y", ignore=[3]), TypeError, "each of ignore must be"),
        (lambda: Schema.fit(Table(GOOD), "y", embed=["x"]), TypeError, "embed must be a dict"),
        (
            lambda: Schema.fit(Table(GOOD), "y", embed={1: 2}),
            TypeError,
            "each of embed must be given",
        ),
        (lambda: Schema.fit(Table(GOOD), "y", rows=[0.5]), TypeError, "rows must be indices"),
        (lambda: Schema.fit(Table(GOOD), "y", rows="ab"), TypeError, "rows must be indices"),
        (
            lambda: Schema.fit(Table(GOOD), "y", rows=np.array([9])),
            ValueError,
            "the table's 4 rows",
        ),
        (
            lambda: Schema.fit(Table(GOOD), "y", rows=np.arange(0)),
            ValueError,
            "rows must be one or more indices",
        ),
        (lambda: Schema.fit(Table(GOOD), "y").transform(GOOD), TypeError, "the table must be"),
        (lambda: Schema.fit(Table(GOOD), "y").features(None), TypeError, "the table must be"),
        (lambda: read_csv(3), TypeError, "a file's name must be a str or a pathlib.Path, got 3"),
        (lambda: read_csv(None), TypeError, "a file's name must be a str"),
        (lambda: read_csv(""), ValueError, "a file's name must not be empty"),
        (lambda: read_csv("a\0b"), ValueError, "must not be empty or contain NUL"),
        (lambda: read_table(["t.csv"]), TypeError, "a file's name must be a str"),
        (lambda: read_parquet(3.5), TypeError, "a file's name must be a str"),
        (lambda: read_schema(None), TypeError, "a file's name must be a str"),
        (lambda: held_out(None, 2.5, 0.2), TypeError, "the number of rows, must be a positive int"),
        (lambda: held_out(None, 10, "0.2"), TypeError, "held out must be a number, got '0.2'"),
        (lambda: held_out(np.arange(3), 10, 0.2), ValueError, r"labels must be \(10,\)"),
    ],
)
def test_a_wrong_type_says_what_to_write(call, error, said):
    with pytest.raises(error, match=said):
        call()


@pytest.mark.parametrize(
    ("columns", "error", "said"),
    [
        (None, TypeError, "columns must be a dict"),
        ([[1.0]], TypeError, "columns must be a dict"),
        ({3: [1.0]}, TypeError, "a column's name must be a str, got 3"),
        ({"a": "text"}, TypeError, "column 'a' must be a list of cells"),
        ({"a": np.zeros((2, 2))}, ValueError, "column 'a' must have one dimension"),
        ({"a": [object()]}, TypeError, "column 'a' must hold text or numbers"),
        (
            {"a": [1.0], "b": [1.0, 2.0]},
            ValueError,
            "differ in length: 'a' has 1 row and 'b' has 2",
        ),
    ],
)
def test_what_is_no_table_is_not_written(path, columns, error, said):
    path.write_text("before")
    with pytest.raises(error, match=said):
        write_csv(path, columns)
    assert path.read_text() == "before"
    with pytest.raises(TypeError, match="a file's name must be a str"):
        write_csv(3, {"a": [1.0]})


def test_lists_are_written_like_arrays(path):
    write_csv(path, {"a": [1.5, 2], "b": ["x", "y,z"]})
    assert path.read_text() == 'a,b\n1.5,x\n2.0,"y,z"\n'


def test_what_is_no_model_is_not_saved(tmp_path):
    schema, path = Schema.fit(Table(GOOD), "y"), tmp_path / "m"
    net = xpnet.Network([schema.width, schema.target.width])
    for arguments, said in (
        ((None, schema, path), "net must be a Network, got None"),
        ((schema, net, path), "net must be a Network"),
        ((net, "schema", path), "schema must be a Schema, .*got 'schema'"),
        ((net, schema, 3), "a file's name must be a str"),
    ):
        with pytest.raises(TypeError, match=said):
            save_model(*arguments)
    with pytest.raises(
        ValueError, match="the network has 5 inputs and 2 outputs, but the schema has 1"
    ):
        save_model(xpnet.Network([5, 2]), schema, path)
    assert not path.exists()


def test_no_value_in_a_message_is_longer_than_200_characters(path):
    long = "z" * 200_000
    rows = [[long, "y"], *([i, f"{long}{i}"] for i in range(5))]
    table = read_csv(written(path, "\n".join(",".join(map(str, row)) for row in rows)))
    calls = (
        lambda: table.require("q" * 200_000),
        lambda: Schema.fit(table, long, "regression", ignore=["nope"]),
        lambda: Schema.fit(table, "y", "regression"),
        lambda: Schema.fit(table, "y", long),
        lambda: Table({long: [1], "b": [1, 2]}),
        lambda: xpnet.get_backend(long),
        lambda: read_csv(long),
    )
    for call in calls:
        with pytest.raises((ValueError, OSError)) as error:
            call()
        assert max(map(len, str(error.value).split())) <= 203

"""CSV is read and written as text, with each error at its line and column."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hostile import HOSTILE
from tests.support.tables import written
from xpnet.tables import (
    Schema,
    Table,
    read_csv,
    read_parquet,
    write_csv,
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


# --- the cost of an import


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

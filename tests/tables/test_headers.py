"""Lines above the header of a CSV file: left out where that is certain, and said."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command import fails
from tests.support.tables import written
from xpnet.cli import main
from xpnet.tables import Table, csv_files, read_csv, write_csv
from xpnet.tables.csv_files import header_of, is_csv, parse_csv
from xpnet.tables.separators import SEPARATORS


def read(text: str) -> Table:
    return parse_csv(io.BytesIO(text.encode()), "t")


@pytest.mark.parametrize("mark", SEPARATORS)
@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("Fruit of 2024\n", "line 1 is above the header and left out, such as 'Fruit of 2024'"),
        ("Fruit\n\n", "lines 1 to 2 are above the header and left out, such as 'Fruit'"),
        ("\n \n", "lines 1 to 2 are above the header and left out"),
        ("# by me, on 1/2; a|b\t\n#\n", "lines 1 to 2 are above the header and left out, such as "
         "'# by me, on 1/2; a|b'"),
        ("Fruit;;\n;;\n", "lines 1 to 2 are above the header and left out, such as 'Fruit'"),
        ('"Fruit, of 2024"\r', "line 1 is above the header and left out, such as "
         "'\"Fruit, of 2024\"'"),
    ],
)  # fmt: skip
def test_a_title_comments_and_empty_lines_are_left_out(mark, above, said):
    if ";;" in above:  # spreadsheets give every line as many separators
        above = above.replace(";", mark)
    rows = [["kind", "size", "note"], ["a", "1.5", ""], ["b", "2", "x y"]]
    table = read(above + "".join(mark.join(row) + "\n" for row in rows))
    assert [list(table.names), *zip(*table.columns.values(), strict=True)] == [
        rows[0], *map(tuple, rows[1:])]  # fmt: skip
    n = above.count("\n") + above.count("\r")
    assert table.lines.tolist() == [n + 2, n + 3]
    assert table.notes[-1].replace("'# by me, on 1/2; a|b\\t'", "'# by me, on 1/2; a|b'") == said


@pytest.mark.parametrize(
    ("names", "data"),
    [
        (["1.24", "0.875", "-0.205"], True),
        (["5.1", "3.5", "1.4", "0.2", "setosa"], True),
        (["3", "1", "2"], True),
        (["2019", "2020", "2021"], False),  # years
        (["country", "2019", "2020"], False),
        (["country", "2021", "2020"], False),
        (["a", "b", "0.5", "1.5"], False),
        (["x", "1.5"], False),
        (["1.5"], False),
    ],
)
def test_a_header_of_numbers_is_said_to_look_like_data(names, data):
    text = ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n"
    notes = read(text).notes
    assert len(notes) == data
    for note in notes:
        assert note.startswith("the header looks like data, since its names are numbers ('")
        assert note.endswith("write a line with the columns' names above it")
    assert read(text).names == tuple(names)


def test_a_name_twice_may_be_data():
    with pytest.raises(
        ValueError, match=r"1 and 3 are both '1.5': rename one, or if the line holds"
    ):
        read("1.5,2,1.5\n1,2,3\n")
    with pytest.raises(ValueError, match=r"are both 'x': rename one$"):
        read("x,y,x\n1,2,3\n")


def test_train_and_describe_say_that_the_header_looks_like_data(tmp_path, capsys):
    data = tmp_path / "t.csv"
    data.write_text("".join(f"{i % 7}.5,{i % 5}.25\n" for i in range(40)))
    assert main(["describe", str(data)]) == 0
    assert "the header looks like data" in capsys.readouterr().out
    model = ["--target", "0.25", "--out", str(tmp_path / "m"), "--quick", "--hidden", "4"]
    assert main(["train", str(data), *model]) == 0
    assert "the header looks like data" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# made by x, 2024\na,b,c\nu,v,w\n", "if line 1 is a comment and not the header, remove"),
        ('[{"a": 1}]\n', "t is JSON, not a CSV file: save its table as CSV"),
        (' {"a": [1, 2]}\n', "t is JSON"),
        ("{}\n", "t is JSON"),
    ],
)
def test_what_is_no_table_is_said_by_its_name(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read(text)


def test_a_comment_that_may_be_the_header_is_named_if_a_column_is_missing():
    table = read("# made by x, 2024\na,b\n1,2\n")
    assert table.names == ("# made by x", " 2024")
    with pytest.raises(ValueError, match="if the first line is a comment, remove it"):
        table.require("a")


def test_names_in_brackets_are_no_json():
    assert read("[x],{y}\n1,2\n").names == ("[x]", "{y}")


def test_columns_between_blanks_are_one_column():
    with pytest.raises(ValueError, match="blanks separate no columns, but commas do"):
        read("x y z\n1 2 3\n").require("y")


titles = st.sampled_from(["", "  ", "Title", "#", "# a, b; c|d|e, f; g", "A long title: 3 words"])


@given(
    st.lists(titles, max_size=4),
    st.lists(st.tuples(st.floats(0, 9), st.sampled_from("uvw")), min_size=1, max_size=120),
    st.sampled_from([*SEPARATORS]),
)
@settings(deadline=None)
def test_the_table_is_that_without_the_lines_above(above, rows, mark):
    lines = ["x" + mark + "kind", *(f"{x}{mark}{kind}" for x, kind in rows)]
    plain, table = read("\n".join(lines)), read("\n".join([*above, *lines]))
    assert table.names == plain.names
    assert all((table.columns[name] == plain.columns[name]).all() for name in table.names)
    assert (table.lines - plain.lines == len(above)).all()
    assert (len(table.notes) > len(plain.notes)) == bool(above)


@pytest.mark.parametrize(
    "title",
    [
        "Fruit, EU, 2024, final",  # longer than the header
        "Fruit, EU",
        "Fruit, EU,",  # padded, but cells below are behind its end
        "Fruit, EU\nof 2024, by me, and more, and more",
    ],
)
def test_a_title_of_several_cells_is_left_out(title):
    table = read(f"{title}\nkind,x,y\na,1,2\nb,3,4\nc,5,6\n")
    assert table.names == ("kind", "x", "y")
    assert table.lines[0] == title.count("\n") + 3
    assert "above the header and left out, such as 'Fruit, EU" in table.notes[-1]


def test_more_comments_than_rows_are_left_out_too():
    table = read("# a, b\n" * 9 + "kind;x\nu;1\n")
    assert table.names == ("kind", "x")


def test_errors_below_a_title_count_lines_as_an_editor():
    with pytest.raises(ValueError, match="line 6 has 1 cell, but the header 2: none for 'x'"):
        read("Fruit\n\nkind,x\na,1\nb,2\nc\n")
    with pytest.raises(ValueError, match="line 3: columns 1 and 2 are both 'x': rename one"):
        read("Fruit\n\nx,x\n1,2\n")
    table = read('Fruit\nkind,x\n"a\nb",1\nc,oops\nd,2\ne,3\n')
    with pytest.raises(ValueError, match="line 5, column 'x': 'oops' is not a number"):
        table.numbers("x")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("note\nfine; so far\nbad\n", ("note",)),
        ("note\nfine; so far\nbad; very\n", ("note",)),  # no numbers below
        ("note\nfine; so far\nbad; no; x\nok; a; 5\nfine; 3\n", ("note",)),  # free text
        ("note\nfine; so far\nbad; no; x\nok; a; 5\n", ("note",)),
        ("tags\na|1\nb|2\n", ("tags",)),  # a name that is a number
        ("# x,kind\n1,a\n2,b\n", ("# x", "kind")),  # as numpy.savetxt writes it
        ("x,,\n1,,\n2,,\n", ("x",)),
        ("x\n1\n2\n", ("x",)),
        ("\n\nx\n1\n2\n", ("x",)),
        ("# x\n1\n2\n", ("# x",)),
        (",x\n0,1\n1,2\n", ("x",)),
    ],
)
def test_what_may_be_a_table_is_read_as_it_is(text, names):
    assert read(text).names == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x\n1,5\n2,5\n", "line 2 has 2 cells, but the header 1: the last is column 'x' "
         r"\(if line 1 is a title, remove the lines above the header\)"),
        ("Sales\nland,2023,2024\nX,1,2\n", r"line 2 has 3 cells, .* \(if line 1 is a title"),
        ("Sales,,\nland,2023,2024\nX,1,2\n", "line 2: column 2 has the cell '2023', but no name in "
         r"the header \(if line 1 is a title, remove the lines above the header\)"),
        ("Fruit\nkind,,x\na,1,2\n", "line 2 has 3 cells, but the header 1"),
        ("Fruit\nkind,note\na,b\nc,d\n", "line 2 has 2 cells, but the header 1"),
        ("Fruit\nkind,x\na,1\nb,2,3\n", "line 2 has 2 cells, but the header 1"),
        ("# t\n# kind,x\nred,NA\nblue,3\n", "line 2 has 2 cells, but the header 1"),
        ("Fruit,,2024\nkind,x,y\na,1,2\n", "line 1: column 2 has no name .*so remove lines above"),
        ('Fruit\nkind,"x\n', "line 2: unexpected end of data"),
        ('Fruit\nkind,x\na,"b"c\nd,1\n', "line 2 has 2 cells, but the header 1"),
        ("Fruit\nkind,x\n", "line 2 has 2 cells, but the header 1"),
        ("Fruit\n\nkind,\n,1\n", "line 2 is empty: remove it"),
        # a header with one name too many or too few, above a first row that is text by its holes
        ("kind,x,y\nNA,a\n1,b\n2,c\n3,d\n", "line 2 has 2 cells, but the header 3"),
        ("kind,x\nb,NA,a\nc,1,b\nd,2,c\n", "line 2 has 3 cells, but the header 2"),
        ("kind,x,y\n1,a\n2,b\n", "line 2 has 2 cells, but the header 3"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_an_error_that_says_what_to_do(text, said):
    with pytest.raises(ValueError, match=f"^t, {said}"):
        read(text)


@pytest.mark.parametrize("mark", SEPARATORS)
@pytest.mark.parametrize("told", ["sep={}", '"sep={}"', "SEP={}"])
@pytest.mark.parametrize("above", ["", "Fruit\n"])
def test_a_line_that_names_the_separator_is_obeyed(path, mark, told, above):
    text = f"{told.format(mark)}\n{above}a,1;b{mark}x|y\tz\n1{mark}2\n"
    if mark in "|\t;,":
        text = text.replace(",1;b", "").replace("x|y\tz", "x")
    table = read_csv(written(path, text))
    assert table.names == ("a", "x")
    assert table.columns["x"].tolist() == ["2"]
    assert table.lines.tolist() == [3 + bool(above)]
    assert table.notes[0] == f"line 1 says that the cells are separated by {SEPARATORS[mark]}"
    assert header_of(path).names == table.names
    assert not is_csv(path, plain=True)
    assert len(table.notes) == 1 + bool(above)


def test_the_separator_that_is_named_wins_over_one_that_all_records_agree_on():
    table = read("sep=,\na;b,c;d\n1;2,3;4\n")
    assert table.names == ("a;b", "c;d")
    one = read("sep=;\na,b\n1,5\n2,5\n")
    assert one.names == ("a,b",)


def test_a_long_header_below_a_title_is_read():
    n = 100_000
    text = "Title\n" + ";".join(f"c{i}" for i in range(n)) + "\n" + ";".join(["1"] * n) + "\n"
    assert len(read(text).names) == n


def test_more_lines_above_than_are_judged_are_an_error():
    with pytest.raises(ValueError, match="line 101 has 2 cells, but the header 1"):
        read("# c\n" * 100 + "x,y\n1,2\n")


def test_the_command_says_what_is_left_out_and_quotes_it(tmp_path, capsys):
    rows = "".join(f"{'uv'[i % 2]};{i % 2}.5\n" for i in range(40))
    data = written(tmp_path / "t.csv", "A \x1b[31mtitle\nkind;x\n" + rows)
    out = tmp_path / "m"
    assert main(["train", str(data), "--target=kind", "--quick", "--epochs=1", f"--out={out}"]) == 0
    said = capsys.readouterr().out
    assert "line 1 is above the header and left out, such as 'A \\x1b[31mtitle'" in said
    assert "no column 'A'" in fails(
        capsys, ["train", str(data), "--target=A", f"--out={tmp_path / 'n'}"]
    )


def test_a_table_with_a_title_is_never_taken_for_predictions(path):
    write_csv(path, {"prediction": [1.0], "x": [2.0]})
    assert is_csv(path, plain=True)
    written(path, "Title\n" + path.read_text())
    assert csv_files.header_of(path).names == ("prediction", "x")
    assert not is_csv(path, plain=True)

"""Separators, encodings, compression and shapes of CSV files: each gives the same table."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.tables import written
from xpnet.tables import Table, csv_files, read_csv, read_table, write_csv
from xpnet.tables import compressed as compression
from xpnet.tables.compressed import pieces_of
from xpnet.tables.csv_files import _joined, header_of, is_csv, parse_csv
from xpnet.tables.headers import start_of
from xpnet.tables.separators import SEPARATORS

ROWS = [
    ["größe, m", "a|b;c\td", "city"],
    ["1,5", "x", "Århus"],
    ["2.5", 'say "y"', "Köln"],
    ["", "two\r\nlines", " "],
    ["NA", "z;", "Łódź"],
]
ENCODINGS = {
    "utf-8": (b"", None),
    "utf-8-sig": (b"", None),
    "utf-16-le": (codecs.BOM_UTF16_LE, "the text is UTF-16"),
    "utf-16-be": (codecs.BOM_UTF16_BE, "the text is UTF-16"),
    "cp1252": (b"", "the text is read as Windows-1252: line 1 is not UTF-8"),
}


def packed(content: bytes) -> bytes:
    """The content compressed, to the same bytes at any time."""
    return gzip.compress(content, 6, mtime=0)


def text_of(rows, mark: str = ",", end: str = "\n", quoting=csv.QUOTE_MINIMAL) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue()


def cells_of(table: Table) -> list[list[str]]:
    columns = [table.columns[name].tolist() for name in table.names]
    return [list(table.names), *map(list, zip(*columns, strict=True))]


@pytest.mark.parametrize("mark", SEPARATORS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_separator_encoding_and_compression_gives_the_same_table(
    path, mark, encoding, small, end
):
    rows = ROWS if encoding != "cp1252" else ROWS[:-1]
    begin, said = ENCODINGS[encoding]
    content = begin + text_of(rows, mark, end).encode(encoding)
    table = read_csv(written(path, packed(content) if small else content))
    assert cells_of(table) == rows
    assert table.lines.tolist() == [2, 3, 4, 6][: len(table)]
    expected = [
        *(["the file is compressed by gzip"] if small else []),
        *([said] if said else []),
        *([f"the cells are separated by {SEPARATORS[mark]}"] if mark != "," else []),
    ]
    assert list(table.notes) == expected
    assert header_of(path).names == table.names
    assert is_csv(path)
    assert is_csv(path, plain=True) == (not expected)
    assert cells_of(read_table(path)) == rows


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)


@given(
    st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=2, max_size=5)
    ),
    st.sampled_from([*SEPARATORS]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=200)
def test_quoted_cells_of_any_text_are_read_back(rows, mark, encoding, small):
    rows[0] = [f"{i}{name}" for i, name in enumerate(rows[0])]
    content = text_of(rows, mark, quoting=csv.QUOTE_ALL).encode(encoding)
    table = parse_csv(io.BytesIO(packed(content) if small else content), "t")
    assert cells_of(table) == rows


# --- separators


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1,5\tx;y\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a;b\n", ";"),
        ("a\n1,5\n2,5\n", ","),  # one column, with a comma too many
        ("note; more\nfine\nbad; so so\nbad\n", ","),
        ("weight, g;height, cm\n1,5;2,5\n", ";"),
        ("a,b;c\n1,2\n3,4\n", ","),
        ("a,b\n1;2,3\n4;5,6\n", ","),
        ('"a;b",c\n1,2\n', ","),
        ('"a,b";c\n"1;2";3\n', ";"),
        ("a;b\n1;2\n3\n4;5\n", ";"),  # the third line is the error
        ("a,b\n1,2\n3\n", ","),
        ("a,b;c\n1,2;3\n4,5;6\n7\n", ","),  # of two that fit as many records
        ('a,b;c\n1,2;3\n"x",4;5\n6,7;8\n', ","),  # the quotes are wrong with semicolons
        ("", ","),
        ("\n", ","),
        ('a;b\n"1;2\n', ";"),
    ],
)
def test_the_separator_is_the_one_that_all_records_agree_on(text, mark):
    assert start_of(text.splitlines(keepends=True))[:2] == (mark, 0)


def test_one_column_stays_one_column(path):
    table = read_csv(written(path, "note\nfine; so far\nbad\n"))
    assert cells_of(table) == [["note"], ["fine; so far"], ["bad"]]
    assert table.notes == ()


def test_a_row_too_short_is_the_error_whatever_the_separator(path):
    with pytest.raises(ValueError, match="line 3 has 1 cell, but the header 2: none for 'b'"):
        read_csv(written(path, "a;b\n1;2\n3\n4;5\n"))


def test_what_is_written_is_not_taken_for_another_separator(path):
    columns = {"prediction": ["a;b", "a;b"], "probability_a;b": ["0.5", "0.7"]}
    write_csv(path, columns)
    assert read_csv(path).names == tuple(columns)
    assert is_csv(path, plain=True)


def test_columns_at_the_end_without_name_and_cells_are_left_out(path):
    table = read_csv(written(path, "a;b;\n1;2;\n3;4\n5;6;\n\n"))
    assert cells_of(table) == [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]
    assert table.notes[-1] == "columns at the end without name and cells are left out: 1"
    assert header_of(path).notes == table.notes
    assert len(read_csv(written(path, "a,b,,\n1,2,,\n")).names) == 2
    with pytest.raises(ValueError, match=r"line 3: column 4 has the cell 'x', but no name in"):
        read_csv(written(path, "a,b,,\n1,2,,\n1,2,,x\n"))
    with pytest.raises(ValueError, match="line 2 has 5 cells, but the header 2"):
        read_csv(written(path, "a,b,,\n1,2,,,\n"))
    with pytest.raises(ValueError, match="line 1: column 2 has no name"):
        read_csv(written(path, "a,,b,\n1,2,3,\n"))


# --- encodings


@pytest.mark.parametrize("before", [0, 1, 65_530, 65_534, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("word", ["é", "€", "😀"])
def test_a_character_may_lie_across_pieces_of_the_file(before, word):
    content = f"x\n{'a' * before}{word}\nb\n"
    assert parse_csv(io.BytesIO(content.encode()), "t").text("x") == ["a" * before + word, "b"]


def test_windows_text_is_found_at_any_line_and_keeps_every_byte(path):
    upper = bytes(range(0x80, 0x100))
    lines = b"x\r\n" + b"plain\r\n" * 20_000
    table = read_csv(written(path, lines + upper + b"\r\n"))
    assert table.notes == ("the text is read as Windows-1252: line 20002 is not UTF-8",)
    text = table.text("x")[-1]
    assert len(text) == 128
    for byte, char in zip(upper, text, strict=True):
        assert char == bytes([byte]).decode("cp1252" if byte not in OPEN else "latin-1")


OPEN = b"\x81\x8d\x8f\x90\x9d"  # codes without a character in Windows-1252


def test_text_cut_short_in_a_character_is_read_as_windows_text():
    table = parse_csv(io.BytesIO(b"x\ncaf\xc3"), "t")
    assert table.text("x") == ["cafÃ"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x\n\xc3\xa9\r\ncaf\xe9\n", "t, line 3 is not UTF-8 text: save the file as UTF-8"),
        (b"x\r\xc3\xa9\r\n\rcaf\xc3", "t, line 4 is not UTF-8 text"),
        (b"x\n\0\ncaf\xe9\n", "t, line 3 is not UTF-8 text"),  # a binary file
        (b"x\ncaf\xe9\n\n\0", "t, line 4 is not UTF-8 text"),
        ("x\n1\n".encode("utf-16")[:-1], "t, line 2 is not UTF-16 text"),
        (b"\xff\xfex\0\n\0\0\xd8a\0", "t, line 2 is not UTF-16 text"),
        ("x\n1\n".encode("utf-16-le"), "t, line 1 has NUL characters"),
        ("x\n1\n".encode("utf-32"), "t, line 1 has NUL characters"),
    ],
)
def test_bytes_that_are_no_text_are_an_error(content, said):
    with pytest.raises(ValueError, match="^" + said):
        parse_csv(io.BytesIO(content), "t")


# --- gzip


def test_gzip_is_known_by_its_first_bytes_and_may_have_parts(path):
    content = packed(b"a,b\n1,") + packed(b"2\n3,4\n") + b"\0" * 100
    assert cells_of(read_csv(written(path, content))) == [["a", "b"], ["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed(b"a,b\n1,2\n")[:-9], "t is compressed by gzip, but damaged: "),
        (packed(b"a,b\n1,2\n")[:-8] + b"12345678", "t is compressed by gzip, but damaged"),
        (packed(b"a\n1\n") + b"tail", "t is compressed by gzip, but damaged"),
        (packed(packed(b"a\n1\n")), "t is compressed by gzip, not a CSV file"),
        (packed(b"PK\x03\x04"), "t is a zip archive"),
        (packed(b""), "t is empty"),
        (b"\x1f\x8b", "t is compressed by gzip, but damaged"),
    ],
)
def test_what_is_wrong_with_a_compressed_file_is_said(content, said):
    with pytest.raises(ValueError, match="^" + said):
        parse_csv(io.BytesIO(content), "t")


@pytest.mark.slow
@pytest.mark.parametrize("begin", [b"", b"a,b\n"])
@pytest.mark.parametrize("row", [b"0" * 4096, b"1,2\n" * 1024])
def test_a_compressed_bomb_is_refused_in_bounded_memory(begin, row, monkeypatch):
    monkeypatch.setattr(compression, "_HARMLESS", 1 << 18)  # the same rule, in less time
    bomb = packed(begin + row * (1 << 9))  # 2 MiB, of which 400 KiB are allowed
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="decompresses to more than 200 times its size, and"):
            parse_csv(io.BytesIO(bomb), "t")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20  # bytes; a table of 2 MiB of such text takes 16 MiB


def test_a_table_that_compresses_well_is_no_bomb(monkeypatch):
    def read(content: bytes) -> int:
        return sum(map(len, pieces_of(io.BytesIO(packed(content)), "t", [])))

    constant = b"a,b\n" + b"1,2\n" * (1 << 20)  # 4 MiB, fewer than 64
    assert read(constant) == len(constant)
    monkeypatch.setattr(compression, "_HARMLESS", 1 << 10)
    digits = np.random.default_rng(0).integers(0, 2, 1 << 20).astype("S1").tobytes()
    assert read(digits) == len(digits)  # a seventh when compressed
    with pytest.raises(ValueError, match="t decompresses to more than 200 times its size"):
        read(constant)


# --- size


@pytest.mark.slow
def test_a_million_columns_are_read():
    mark, n = ";", 1_000_000
    lines = [mark.join(f"c{i}" for i in range(n)), *[mark.join(["1"] * n)] * 2]
    table = parse_csv(io.BytesIO("\n".join(lines).encode()), "t")
    assert len(table.names) == n
    assert table.columns["c999999"].tolist() == ["1", "1"]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_ten_million_characters_is_read(quote):
    cell = "word " * 2_000_000
    lines = [f"note;y\n{quote}{cell}{quote};1\n"] + ["short;2\n"] * 10
    table = parse_csv(io.BytesIO("".join(lines).encode()), "t")
    assert table.text("note")[0] == cell
    assert len(table) == 11


def test_rows_are_converted_before_their_cells_fill_the_memory(monkeypatch):
    parts = []
    monkeypatch.setattr(csv_files, "_CELLS", 10)
    monkeypatch.setattr(
        csv_files, "_joined", lambda found: parts.append(found) or _joined(found[:])
    )
    table = parse_csv(io.BytesIO(b"a,b,c\n" + b"1,2,3\n" * 50), "t")
    assert cells_of(table) == [["a", "b", "c"], *[["1", "2", "3"]] * 50]
    assert [len(part) for part in parts[0]] == [4] * 12 + [2]

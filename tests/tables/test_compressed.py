"""Tables compressed by bzip2, xz or in a zip archive; those by gzip are in test_files_read."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import fails
from tests.support.tables import written
from xpnet.cli import main
from xpnet.tables import compressed as compression
from xpnet.tables import read_csv
from xpnet.tables.csv_files import header_of, is_csv, parse_csv

TEXT = b"a,b\n1,2\n3,4\n"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def in_zip(content: bytes) -> bytes:
    return zipped(("data.csv", content))


FORMS = {"bzip2": bz2.compress, "xz": lzma.compress, "zip": in_zip}
forms = pytest.mark.parametrize("form", FORMS)


@forms
def test_the_table_is_that_without_compression(path, form):
    table = read_csv(written(path, FORMS[form](TEXT)))
    assert (table.text("a"), table.text("b")) == (["1", "3"], ["2", "4"])
    assert table.lines.tolist() == [2, 3]
    (said,) = table.notes
    assert form in said
    assert header_of(path).names == ("a", "b")
    assert is_csv(path)
    assert not is_csv(path, plain=True)


def test_a_large_table_comes_in_many_pieces():
    digits = np.random.default_rng(0).integers(10, 99, 100_000)
    content = b"x\n" + "\n".join(map(str, digits)).encode()
    for form, pack in FORMS.items():
        table = parse_csv(io.BytesIO(pack(content)), form)
        assert (table.numbers("x") == digits).all()


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_a_file_may_have_several_streams(pack):
    table = parse_csv(io.BytesIO(pack(b"a,b\n1,") + pack(b"") + pack(b"2\n3,4\n")), "t")
    assert table.text("b") == ["2", "4"]


@pytest.mark.parametrize("n", [4, 8, 1 << 18])
def test_zeros_after_a_stream_of_xz_are_padding(n):
    """The .xz File Format 1.1.0, section 2.2: stream padding is zeros, in multiples of four."""
    first, second = lzma.compress(b"a,b\n1,"), lzma.compress(b"2\n3,4\n")
    packed = first + bytes(n) + second + bytes(n)
    assert parse_csv(io.BytesIO(packed), "t").text("b") == ["2", "4"]
    for wrong in (first + bytes(n - 1) + second, first + second + bytes(n + 2)):
        with pytest.raises(ValueError, match="damaged: the zeros after a stream are not a multip"):
            parse_csv(io.BytesIO(wrong), "t")


@forms
def test_a_file_cut_short_is_an_error_at_every_byte(form):
    content = FORMS[form](TEXT * 50)
    for n in range(11, len(content)):  # fewer are not known to be compressed
        with pytest.raises(ValueError, match=r"^t"):
            parse_csv(io.BytesIO(content[:n]), "t")


@pytest.mark.slow
@forms
def test_a_changed_byte_is_an_error_or_changes_nothing(form):
    content, text = FORMS[form](TEXT * 20), parse_csv(io.BytesIO(TEXT * 20), "t").text("a")
    for at in range(len(content)):
        for value in {content[at] ^ 1, content[at] ^ 0x80, 0, 255} - {content[at]}:
            changed = content[:at] + bytes([value]) + content[at + 1 :]
            try:
                found = parse_csv(io.BytesIO(changed), "t")
            except ValueError:
                continue
            assert found.text("a") == text


@forms
def test_a_bomb_is_refused_in_bounded_memory(form, monkeypatch):
    monkeypatch.setattr(compression, "_HARMLESS", 1 << 18)
    bomb = FORMS[form](b"a,b\n" + b"0" * (1 << 25))
    assert len(bomb) < 1 << 16
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"more than 200 times its size.*\(b?un"):
            parse_csv(io.BytesIO(bomb), "t")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20  # of which the window of xz takes 8


def test_an_archive_that_lies_about_sizes_is_a_bomb_or_damaged(monkeypatch):
    monkeypatch.setattr(compression, "_HARMLESS", 1 << 10)
    content = bytearray(in_zip(b"x\n" + b"1\n" * (1 << 18)))
    for mark, at in ((b"PK\x03\x04", 18), (b"PK\x01\x02", 20)):  # both of its headers
        place = content.index(mark) + at
        content[place : place + 4] = (1 << 30).to_bytes(4, "little")  # compressed bytes, it says
    with pytest.raises(ValueError, match=r"^t (decompresses to more|is compressed by zip, but)"):
        parse_csv(io.BytesIO(bytes(content)), "t")


def test_xz_that_asks_for_much_memory_is_refused():
    content = bytearray(lzma.compress(TEXT))
    place = content.index(b"\x21\x01", 12) + 2  # LZMA2's id, the length of its setting, the setting
    content[place] = 36  # a dictionary of 1 GiB
    content[20:24] = zlib.crc32(content[12:20]).to_bytes(4, "little")
    with pytest.raises(ValueError, match=r"^t is compressed by xz, but damaged: .*[Mm]emory"):
        parse_csv(io.BytesIO(bytes(content)), "t")


# --- zip archives


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(("a.csv", TEXT), ("b.csv", TEXT)), r"2 files \('a.csv', 'b.csv'\): it must have"),
        (zipped(*((f"{i}.csv", TEXT) for i in range(9))), r"9 files \('0.csv', .*'4.csv', …\)"),
        (zipped(("\x1b[31m.csv", b""), ("b", b"")), r"2 files \('\\x1b\[31m.csv', 'b'\)"),
        (zipped(("folder/", b"")), "no file: it must have one"),
        (zipped(), "no file: it must have one"),
        (zipped(("a.csv", TEXT), method=zipfile.ZIP_LZMA), "method of compression is not deflate"),
    ],
)
def test_an_archive_without_one_table_is_an_error(content, said):
    with pytest.raises(ValueError, match=f"^t is a zip archive .*{said}"):
        parse_csv(io.BytesIO(content), "t")


def test_an_archive_that_lies_about_places_is_damaged(path):
    """The system refuses to read before the begin of the file, without the file's name."""
    content = bytearray(in_zip(TEXT))
    content[-6] += 1  # the place of the directory, from which the others are counted
    with pytest.raises(ValueError, match=r"is a zip archive that can't be read: "):
        read_csv(written(path, bytes(content)))


def test_an_encrypted_table_is_an_error():
    content = bytearray(in_zip(TEXT))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    with pytest.raises(ValueError, match=r"can't be read: .*encrypted"):
        parse_csv(io.BytesIO(bytes(content)), "t")


def test_a_workbook_and_an_archive_in_an_archive_say_what_to_do():
    for members in (("[Content_Types].xml", b""), ("xl/workbook.xml", b"")), (("t", in_zip(TEXT)),):
        with pytest.raises(ValueError, match="t is a zip archive or an Excel workbook, not a CSV"):
            parse_csv(io.BytesIO(zipped(*members)), "t")


def test_folders_and_what_macos_adds_are_no_files():
    content = zipped(("data/", b""), ("data/t.csv", TEXT), ("__MACOSX/data/._t.csv", b"\0"))
    table = parse_csv(io.BytesIO(content), "t")
    assert table.notes == ("the file is a zip archive of 'data/t.csv'",)


@pytest.mark.parametrize("name", ["../out.csv", "/tmp/xpnet-out.csv", "C:\\out.csv", "a\x1b[2J"])
def test_names_in_an_archive_are_only_shown(tmp_path, monkeypatch, capsys, name):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("t.csv.zip").write_bytes(zipped((name, TEXT)))
    assert main(["describe", "t.csv.zip"]) == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "t.csv.zip"]
    assert not Path("/tmp/xpnet-out.csv").exists()
    assert "\x1b" not in capsys.readouterr().out


def test_an_archive_is_read_from_a_file_on_stdin_but_not_from_a_pipe(path, capsys, monkeypatch):
    with open(written(path, in_zip(TEXT))) as file:
        monkeypatch.setattr("sys.stdin", file)
        assert main(["describe", "-"]) == 0
    assert "the file is a zip archive of 'data.csv'" in capsys.readouterr().out
    read, write = os.pipe()
    os.write(write, in_zip(TEXT))
    os.close(write)
    with open(read) as file:
        monkeypatch.setattr("sys.stdin", file)
        line = fails(capsys, ["describe", "-"])
    assert "standard input is a zip archive, which cannot be read from a pipe: unpack it" in line

"""What the command writes: files of its kind only, streams, encodings and terminals."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import QUICK, fails, predict, rows_of, train, write
from tests.support.command_files import command, status_of
from tests.support.helpers import FRUIT, needed, needs_posix
from xpnet.cli import main

# --- an output file replaces only a file of its kind


@pytest.fixture
def files(fruit, tmp_path, monkeypatch) -> dict[str, Path]:
    """Files of each kind, by name."""
    monkeypatch.chdir(tmp_path)
    page = "<!DOCTYPE html>\n<title>mine</title>"
    contents = {
        "table.csv": FRUIT.read_bytes(),
        "predictions.csv": b"prediction\napple\n",
        "model": fruit.read_bytes(),
        "page.html": page.encode(),
        "text": b"a text,\nnot a table\n\n",
        "bytes": bytes(range(256)) * 4,
        "json": b'{\n"a": 1,\n"b": [2, 3]\n}\n',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


WRITES = {
    "model": ["train", str(FRUIT), "--target", "fruit", *QUICK, "--out", "{out}"],
    "digits": ["train", "digits", "--epochs", "1", "--hidden", "4", "--out", "{out}"],
    "predictions.csv": ["predict", "{model}", str(FRUIT), "--out", "{out}"],
    "page.html": ["explain", "digits", "--example", "1", "--html", "{out}"],
}


@pytest.mark.parametrize("kind", WRITES)
def test_only_a_file_of_its_kind_is_replaced_and_that_is_said(files, fruit, capsys, kind):
    own = "model" if kind == "digits" else kind
    for name, path in files.items():
        before = path.read_bytes()
        arguments = [a.format(out=name, model=fruit) for a in WRITES[kind]]
        if name == own:
            capsys.readouterr()
            assert main(arguments) == 0
            assert f"wrote {name}, replacing " in capsys.readouterr().out
            assert path.read_bytes() != before
        else:
            status, line = status_of(arguments, capsys)
            assert status == 1
            assert f"{name} already exists and is not " in line
            assert "give a different name" in line
            assert path.read_bytes() == before


@pytest.mark.slow
def test_a_page_on_a_training_replaces_pages_only(files, capsys):
    needed("matplotlib")
    for name in ("table.csv", "model", "text"):
        arguments = ["train", "digits", "--out", "m", "--report", name]
        assert f"--report {name} already exists" in fails(capsys, arguments)
    assert not Path("m").exists()
    main(
        ["train", "digits", "--epochs", "1", "--hidden", "4", "--out", "m", "--report", "page.html"]
    )
    assert "wrote page.html, replacing an older page" in capsys.readouterr().out


def test_an_empty_file_is_of_any_kind(fruit, tmp_path):
    (tmp_path / "new").touch()
    assert main(predict(fruit, FRUIT, tmp_path / "new")) == 0


# --- streams


def test_predictions_go_to_stdout_and_all_else_to_stderr(fruit, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(predict(fruit, FRUIT, Path("p.csv"))) == 0
    capsys.readouterr()
    assert main(predict(fruit, FRUIT, Path("-"))) == 0
    out, err = capsys.readouterr()
    assert out == Path("p.csv").read_text(encoding="utf-8")
    assert "36 rows; wrote standard output" in err
    assert os.listdir() == ["p.csv"]


@pytest.mark.parametrize("text", [True, False])
def test_a_table_comes_from_stdin(fruit, tmp_path, capsys, monkeypatch, text):
    def stdin(content: bytes) -> None:
        stream = io.StringIO(content.decode()) if text else io.TextIOWrapper(io.BytesIO(content))
        monkeypatch.setattr(sys, "stdin", stream)

    assert main(predict(fruit, FRUIT, tmp_path / "a")) == 0
    stdin(FRUIT.read_bytes())
    assert main(["predict", str(fruit), "-", "--out", str(tmp_path / "b")]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    stdin(FRUIT.read_bytes())
    assert main(["explain", str(fruit), "-"]) == 0
    stdin(FRUIT.read_bytes())
    assert main(["train", "-", "--target", "fruit", *QUICK, "--out", str(tmp_path / "m")]) == 0
    capsys.readouterr()
    stdin(b"colour,fruit\nred\n")
    line = fails(capsys, ["predict", str(fruit), "-", "--out", str(tmp_path / "c")])
    assert line.startswith("xpnet: standard input, line 2 has 1 cell")
    assert status_of(["train", "-", "--target", "fruit"], capsys)[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "digits", "--out", "-"],
        ["train", "digits", "--out", "m", "--report", "-"],
        ["explain", "digits", "--html", "-"],
    ],
)
def test_models_and_pages_do_not_go_to_stdout(tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    if "--report" in arguments:
        needed("matplotlib")
    status, line = status_of(arguments, capsys)
    assert status == 2
    assert "cannot be written to standard output: name a file" in line
    assert os.listdir() == []


@needs_posix
@pytest.mark.parametrize("to_file", [False, True])
def test_no_model_goes_to_the_file_behind_stdout(tmp_path, to_file):
    with open(tmp_path / "f", "wb") as file:
        run = command(tmp_path, "train", "digits", "--out", "/dev/stdout",
                      stdout=file if to_file else subprocess.PIPE)  # fmt: skip
        out, err = run.communicate(timeout=120)
    line = "--out /dev/stdout: a model file of xpnet cannot be written to standard output: name"
    assert line in err.decode()
    assert (run.returncode, out or b"") == (2, b"")
    assert (tmp_path / "f").read_bytes() == b""


@needs_posix
def test_no_model_goes_to_a_pipe_without_a_name(tmp_path, capsys):
    read, written = os.pipe()
    try:
        line = fails(capsys, ["train", "digits", "--out", f"/dev/fd/{written}"])
    finally:
        os.close(read)
        os.close(written)
    assert "is a stream, but a model file of xpnet needs a file: name one" in line


@pytest.mark.slow
@needs_posix
@pytest.mark.parametrize("out", ["-", "/dev/stdout"])
def test_a_pipe_takes_predictions(fruit, tmp_path, out):
    with open(FRUIT, "rb") as file:
        run = command(tmp_path, "predict", str(fruit), "-", "--out", out, stdin=file)
        found, err = run.communicate(timeout=120)
    assert (run.returncode, os.listdir(tmp_path)) == (0, [])
    assert found.startswith(b"prediction,probability_apple")
    assert len(found.splitlines()) == 37
    assert err.decode() == "standard input: 36 rows; wrote standard output\n"


@pytest.mark.slow
@needs_posix
def test_a_named_pipe_takes_predictions_and_a_file_behind_stdout_is_that_file(fruit, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    run = command(tmp_path, "predict", str(fruit), str(FRUIT), "--out", "pipe")
    assert (tmp_path / "pipe").read_bytes().startswith(b"prediction,")
    assert run.communicate(timeout=120)[1] == b""
    with open(tmp_path / "p.csv", "wb") as file:
        run = command(tmp_path, "predict", str(fruit), str(FRUIT), "--out", "/dev/stdout",
                      stdout=file)  # fmt: skip
        run.communicate(timeout=120)
    assert len(rows_of(tmp_path / "p.csv")) == 37


@pytest.mark.slow
@needs_posix
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["info", "{model}"],
        ["explain", "digits"],
        ["predict", "{model}", "{data}", "--out", "-"],
        ["train", "{data}", "--target", "fruit", "--epochs", "2", "--out", "m"],
    ],
)
def test_a_reader_that_closes_the_pipe_ends_it_silently(fruit, tmp_path, arguments):
    filled = [a.format(model=fruit, data=FRUIT) for a in arguments]
    read, written = os.pipe()
    os.close(read)
    run = command(tmp_path, *filled, stdout=written)
    os.close(written)
    err = run.communicate(timeout=120)[1].decode()
    assert run.returncode == 141
    assert err in ("", f"{FRUIT}: 36 rows; wrote standard output\n")


@pytest.mark.slow
@needs_posix
def test_a_full_disk_behind_stdout_is_one_line(tmp_path):
    if not os.path.exists("/dev/full"):
        # macOS has none, and a disk cannot be filled in a test
        pytest.skip("needs /dev/full, a device that is always full, as Linux has")
    with open("/dev/full", "wb") as full:
        run = command(tmp_path, "explain", "digits", stdout=full)
        err = run.communicate(timeout=120)[1]
    assert (run.returncode, err) == (1, b"xpnet: No space left on device\n")


# --- encodings and terminals


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_no_encoding_makes_a_success_a_failure(tmp_path, encoding):
    rows = [["größe", "y"], *([i, i / 3] for i in range(40))]
    data = write(tmp_path / "t.csv", rows)
    for arguments in (
        ["train", str(data), "--target", "y", *QUICK],
        ["info", "t.safetensors"],
        ["explain", "t.safetensors", "t.csv"],
        ["predict", "t.safetensors", "t.csv"],
        ["--help"],
    ):
        run = command(tmp_path, *arguments, environ={"PYTHONIOENCODING": encoding})
        out, err = run.communicate(timeout=120)
        assert (run.returncode, err) == (0, b"")
        out.decode(encoding)
    assert len(rows_of(tmp_path / "predictions.csv")) == 41


def test_a_function_leaves_the_streams_of_its_caller_as_they_were(capsys, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["explain", "digits"]) == 0
    assert stream.errors == "strict"


HOSTILE = "\x1b[31mred\x9b2J\u202e"


def test_names_in_files_do_not_steer_the_terminal(tmp_path, capsys):
    """In all output: training, descriptions, errors and warnings."""
    rows = [[HOSTILE, f"n{HOSTILE}", "y"]]
    rows += [[f"{HOSTILE}{i % 3}", i, f"{'ab'[i % 2]}{HOSTILE}"] for i in range(40)]
    rows[7][1] = 10**9
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m"
    other = write(tmp_path / "o.csv", [rows[0], [f"new{HOSTILE}", "1", ""]])
    extra = write(tmp_path / "e.csv", [[*rows[0], f"e{HOSTILE}"], *([*r, 1] for r in rows[1:])])
    for arguments in (
        train(data, "y", model, *QUICK),
        ["info", str(model)],
        ["explain", str(model), str(data)],
        predict(model, extra, tmp_path / "p.csv"),
        predict(model, other, tmp_path / "p.csv"),
        train(data, HOSTILE + "?", model),
    ):
        main(arguments)
    out, err = capsys.readouterr()
    assert "\\x1b[31mred" in out
    assert "\\x1b[31mred" in err
    assert not [c for c in out + err if c != "\n" and not c.isprintable()]

"""What `overwrite=True` and the command may replace: checkpoints, and no other file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import xpnet
from tests.support.checkpoint_edits import fit
from tests.support.checkpoints import network
from tests.support.command import SMALL, fails
from xpnet.files import container

SOURCES = dict.fromkeys(("checkpoint", "model"), container.__file__)
"""A text in which the marks of both kinds stand."""

MINE = {
    "a text": b"print('mine')\n",
    "a source file": Path(SOURCES["checkpoint"]).read_bytes(),
    "zeros": bytes(4096),
    "a short text": b"12345678",
}


@pytest.mark.parametrize("content", MINE.values(), ids=MINE)
def test_a_file_of_another_kind_is_not_overwritten(tmp_path, content):
    path = tmp_path / "train.py"
    path.write_bytes(content)
    with pytest.raises(xpnet.CheckpointError, match="is not a checkpoint of xpnet, so it is left"):
        fit(path, resume=False, overwrite=True)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["train.py"]


def test_a_model_is_not_overwritten(tmp_path):
    network().save(tmp_path / "m")
    with pytest.raises(xpnet.CheckpointError, match="is not a checkpoint of xpnet, so it is left"):
        fit(tmp_path / "m", resume=False, overwrite=True)
    xpnet.load(tmp_path / "m")


DAMAGES = {
    "cut in its numbers": lambda content: content[:-100],
    "cut in its header": lambda content: content[:900],
    "a wrong bit": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "a later format": lambda content: content.replace(b"checkpoint 1", b"checkpoint 9"),
    "nothing": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_overwritten(tmp_path, middle, damage):
    path = tmp_path / "f"
    path.write_bytes(damage(middle))
    with pytest.raises(xpnet.CheckpointError):
        xpnet.Checkpoint.read(path)
    fit(path, resume=False, overwrite=True)
    assert xpnet.Checkpoint.read(path).finished


@pytest.mark.parametrize(("option", "kind"), [("--checkpoint", "checkpoint"), ("--out", "model")])
def test_the_command_takes_no_text_about_xpnet_for_one_of_its_files(tmp_path, capsys, option, kind):
    path, text = tmp_path / "f.py", Path(SOURCES[kind]).read_bytes()
    assert f'"xpnet {kind} '.encode() in text
    path.write_bytes(text)
    out = [] if option == "--out" else ["--out", str(tmp_path / "m")]
    assert f"{option} {path} already exists and is not" in fails(
        capsys, [*SMALL, *out, option, str(path)]
    )
    assert path.read_bytes() == text


def test_each_kind_of_file_names_its_reader(tmp_path, capsys):
    fit(tmp_path / "c")
    network().save(tmp_path / "m")
    with pytest.raises(xpnet.CheckpointError, match=r"but xpnet model 1: xpnet\.load reads it"):
        xpnet.Checkpoint.read(tmp_path / "m")
    with pytest.raises(
        xpnet.CheckpointError, match=r"xpnet\.load reads it; give a different file$"
    ):
        fit(tmp_path / "m")  # nobody is told to replace a model
    for load in (xpnet.load, xpnet.Stack.load, xpnet.tables.load):
        with pytest.raises(xpnet.FileError, match=r"xpnet\.Checkpoint\.read\(path\)\.network\(\)"):
            load(tmp_path / "c")
    table = tmp_path / "t.csv"
    table.write_text("a\n1\n")
    assert "Checkpoint.read" in fails(capsys, ["predict", str(tmp_path / "c"), str(table)])

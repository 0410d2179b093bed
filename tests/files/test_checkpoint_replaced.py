"""Which files a checkpoint may be, and what it may replace: checkpoints, and no other file."""

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


def test_a_finished_fit_needs_no_folder_that_can_be_written_to(tmp_path, monkeypatch):
    """Such as results that were published, or another user's."""
    path, access = tmp_path / "f", os.access
    wanted, content = fit(path), path.read_bytes()

    def read_only(name, mode):
        return access(name, mode) and not mode & os.W_OK

    monkeypatch.setattr(os, "access", read_only)
    assert fit(path) == wanted
    with pytest.raises(xpnet.CheckpointError, match=r"settings\.epochs is 7"):
        fit(path, epochs=7)
    for settings in ({"resume": False}, {"resume": False, "overwrite": True}):
        with pytest.raises(PermissionError):
            fit(path, **settings)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["f"]


def test_a_fit_that_goes_on_needs_one(tmp_path, middle, monkeypatch):
    (tmp_path / "f").write_bytes(middle)
    monkeypatch.setattr(os, "access", lambda name, mode: not mode & os.W_OK)
    with pytest.raises(PermissionError):
        fit(tmp_path / "f")


def test_a_file_s_name_does_not_end_as_a_folder_s(tmp_path):
    for save in (lambda path: fit(path), network().save):
        with pytest.raises(ValueError, match="must not end in a separator"):
            save(f"{tmp_path}/new/")
    assert os.listdir(tmp_path) == []
    fit(os.fsencode(tmp_path / "f"))
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("value", [{"a": 1}, 0.5, (1.0,)])
def test_a_metric_that_is_no_list_is_refused_by_name(tmp_path, value):
    def note(net, history):
        history.metrics["note"] = value

    with pytest.raises(ValueError, match=r"history\.metrics\.note must be a list of numbers"):
        fit(tmp_path / "f", callbacks=note)


def test_the_state_is_shown_in_short(tmp_path, middle):
    (tmp_path / "f").write_bytes(middle)
    state = xpnet.Checkpoint.read(tmp_path / "f").state
    assert repr(state) == (
        f"RunState(epoch=1, step=3, steps=9, finished=False, theta={state.theta.shape})"
    )

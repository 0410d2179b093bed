"""The lock of a checkpoint: one fit at a time, and a dead one's is taken over."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import xpnet
from tests.support.checkpoint_edits import fit
from tests.support.helpers import needs_posix
from tests.support.processes import environment
from xpnet.files import lock


def test_a_second_fit_on_the_same_file_is_refused(tmp_path):
    path, said = tmp_path / "f", []

    def again(net, history):
        with pytest.raises(xpnet.CheckpointError, match="in use: another fit of this process"):
            fit(path)
        said.append(1)

    fit(path, callbacks=again)
    assert said
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
def test_another_process_is_named_and_a_dead_one_is_replaced(tmp_path):
    path, held = tmp_path / "f", tmp_path / "f.lock"
    code = (
        "import sys; from xpnet.files.lock import locked\n"
        "with locked(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(xpnet.CheckpointError, match=f"process {holder.pid} on .* writes it"):
            fit(path)
        assert json.loads(held.read_text())["process"] == holder.pid
    finally:
        holder.kill()
        holder.communicate()
    assert held.exists()  # nobody removed it
    fit(path)
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
@pytest.mark.parametrize(
    ("holder", "free"),
    [
        ({"process": 2**22 + 1, "host": None}, True),  # no such process
        ({"process": 1, "host": None}, False),
        ({"process": 2**22 + 1, "host": "elsewhere"}, False),
    ],
)
def test_without_locks_the_process_decides(tmp_path, monkeypatch, holder, free):
    monkeypatch.setattr(lock, "lock_handle", lambda handle, wait: None)
    holder = {**holder, "host": holder["host"] or lock.socket.gethostname()}
    (tmp_path / "f.lock").write_text(json.dumps(holder))
    if free:
        fit(tmp_path / "f")
        assert os.listdir(tmp_path) == ["f"]
    else:
        with pytest.raises(xpnet.CheckpointError, match=f"process {holder['process']} on"):
            fit(tmp_path / "f")


def test_a_file_that_is_no_lock_stays(tmp_path):
    (tmp_path / "f.lock").write_text("mine\n")
    with pytest.raises(xpnet.CheckpointError, match="is in the way: it is not the lock"):
        fit(tmp_path / "f")
    assert (tmp_path / "f.lock").read_text() == "mine\n"
    assert os.listdir(tmp_path) == ["f.lock"]

"""The lock of a checkpoint: one fit at a time, and a dead one's is taken over."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

import xpnet
from tests.support.checkpoint_edits import fit
from tests.support.checkpoints import network
from tests.support.helpers import needs_posix
from tests.support.processes import environment
from xpnet import file_system, whole_file
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
        with pytest.raises(xpnet.CheckpointError, match=f"process {holder.pid} on .* writes it$"):
            fit(path)  # nobody is told to remove a lock that the system would have released
        assert json.loads(held.read_text())["process"] == holder.pid
    finally:
        holder.kill()
        holder.communicate()
    assert held.exists()  # nobody removed it
    fit(path)
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
def test_a_lock_that_is_held_is_not_taken_whatever_it_says(tmp_path):
    """Its new holder may not have written its name yet over that of a process that has ended."""
    held = tmp_path / "f.lock"
    held.write_text(json.dumps({"process": 2**22 + 1, "host": lock.this_process().host}))
    handle = os.open(held, os.O_RDWR)
    try:
        assert file_system.lock_handle(handle)
        with pytest.raises(xpnet.CheckpointError, match="is in use"):
            fit(tmp_path / "f")
        assert file_system.is_named(handle, str(held))
    finally:
        os.close(handle)
    fit(tmp_path / "f")
    assert os.listdir(tmp_path) == ["f"]


FORKS = """
import os, signal, sys, time
from xpnet.files.lock import locked
with locked(sys.argv[1]):
    if os.fork() == 0:
        sys.stdin.read()
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_posix
def test_a_child_that_outlives_the_process_does_not_keep_the_lock(tmp_path):
    path = tmp_path / "f"
    command = [sys.executable, "-c", FORKS, str(path)]
    with subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE) as holder:
        try:
            assert holder.wait(60) == -signal.SIGKILL
            assert (tmp_path / "f.lock").exists()
            fit(path)
        finally:
            holder.stdin.close()  # ends the child
    assert os.listdir(tmp_path) == ["f"]


# --- file systems without locks


@pytest.fixture
def without_locks(monkeypatch) -> None:
    monkeypatch.setattr(lock, "lock_handle", lambda handle, wait: None)


HERE = lock.this_process()
NOBODY = 2**22 + 1  # larger than any process id
HOLDERS = {
    "a process that has ended": (HERE._replace(number=NOBODY), 0, True),
    "a process that runs": (HERE._replace(number=1, began=""), 0, False),
    "an earlier process of the same number": (HERE._replace(number=1, began="-1"), 0, True),
    "an earlier process of this one's number": (HERE._replace(began="-1"), 0, True),
    "this process": (HERE, 10**4, False),
    "another host": (HERE._replace(number=NOBODY, host="elsewhere"), 0, False),
    "another host, long ago": (HERE._replace(number=NOBODY, host="elsewhere"), 10**4, True),
    "another container": (HERE._replace(number=NOBODY, space="other"), 0, False),
    "a container before this one": (HERE._replace(space="other"), 10**4, True),
}


@needs_posix
@pytest.mark.parametrize(("holder", "age", "free"), HOLDERS.values(), ids=HOLDERS)
def test_without_locks_the_process_decides(tmp_path, without_locks, holder, age, free):
    """If it cannot be seen from here, its last sign of life does."""
    if not HERE.began and holder.began == "-1":
        pytest.skip("this system does not say when a process began")
    held = tmp_path / "f.lock"
    written = {"process": holder.number, **holder._asdict()}
    held.write_text(json.dumps(written))
    os.utime(held, (time.time() - age,) * 2)
    if free:
        fit(tmp_path / "f")
        assert os.listdir(tmp_path) == ["f"]
    else:
        with pytest.raises(xpnet.CheckpointError, match=r"process .*writes it"):
            fit(tmp_path / "f")
        assert json.loads(held.read_text()) == written
        assert os.listdir(tmp_path) == ["f.lock"]


@pytest.mark.parametrize("left", [False, True])
def test_without_locks_one_of_many_takes_it(tmp_path, without_locks, left):
    """Also if the lock of a process that has ended must be removed first."""
    path = tmp_path / "f"
    for _ in range(20):
        if left:
            text = json.dumps({**HERE._asdict(), "process": NOBODY})
            (tmp_path / "f.lock").write_text(text)
        together, taken = threading.Barrier(8), []

        def take(together=together, taken=taken):
            together.wait()
            with suppress(xpnet.CheckpointError):
                taken.append(lock.Lock(str(path)))

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(take) for _ in range(8)]:
                done.result()
        assert len(taken) == 1
        taken[0].release()
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("age", "free"), [(0, False), (10**4, True)])
def test_without_locks_a_process_that_ended_while_it_took_over_is_forgotten(
    tmp_path, without_locks, age, free
):
    left, turn = tmp_path / "f.lock", tmp_path / "f.lock.removed"
    left.write_text(json.dumps({**HERE._asdict(), "process": NOBODY}))
    turn.write_text("")
    os.utime(turn, (time.time() - age,) * 2)
    if free:
        fit(tmp_path / "f")
        assert os.listdir(tmp_path) == ["f"]
    else:
        with pytest.raises(xpnet.CheckpointError, match="is in use"):
            fit(tmp_path / "f")


def test_a_fit_whose_lock_was_taken_over_ends_and_does_not_write(tmp_path, without_locks):
    path, held = tmp_path / "f", tmp_path / "f.lock"

    def take(net, history):
        held.unlink()
        held.write_text(json.dumps({**HERE._asdict(), "process": 4711, "host": "elsewhere"}))
        path.write_text("the other's")

    with pytest.raises(xpnet.CheckpointError, match="is no longer this fit's: process 4711 on"):
        fit(path, callbacks=take, checkpoint_every="1h", early_stopping=None)
    assert path.read_text() == "the other's"
    assert held.exists()


def test_a_fit_shows_that_it_is_still_there(tmp_path, monkeypatch, without_locks):
    monkeypatch.setattr(lock, "_TOUCHED", 0.0)
    ages = []

    def look(net, history):
        ages.append(time.time() - held.stat().st_mtime)
        os.utime(held, (1.0, 1.0))

    held = tmp_path / "f.lock"
    fit(tmp_path / "f", callbacks={"step_end": look}, checkpoint_every="1h")
    assert max(ages) < 60


def test_only_without_locks_the_error_says_to_remove_the_lock(tmp_path, without_locks):
    (tmp_path / "f.lock").write_text(json.dumps({"process": 1, "host": HERE.host}))
    with pytest.raises(xpnet.CheckpointError, match=r"is gone for certain, remove '.*f\.lock'"):
        fit(tmp_path / "f")


# --- files that are in the way, or cannot be made


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError, OSError])
def test_a_lock_that_cannot_be_made_ends_the_fit(tmp_path, monkeypatch, error):
    """Such as in /proc, where "no such file" does not mean that another process removed it."""

    def refusing(path, flags, *mode):
        assert len(tried) < 9, "it tries for ever"
        tried.append(path)
        raise error(errno.ENOENT, "no such file", path)

    tried, path = [], tmp_path / "f"
    monkeypatch.setattr(lock.os, "open", refusing)
    with pytest.raises(xpnet.CheckpointError, match=r"f' cannot be locked: .*no such file"):
        lock.locked(str(path)).__enter__()
    assert len(tried) == 1


def test_a_folder_in_which_files_lose_their_names_ends_the_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "is_named", lambda handle, name: False)
    with pytest.raises(xpnet.CheckpointError, match="does not keep its name"):
        fit(tmp_path / "f")
    monkeypatch.setattr(whole_file, "is_named", lambda handle, name: False)
    with pytest.raises(OSError, match="do not keep their names"):
        network().save(tmp_path / "m")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="this system has no /proc")
def test_a_checkpoint_in_proc_is_an_error():
    with pytest.raises((xpnet.CheckpointError, PermissionError)):  # the latter unless it is root
        fit("/proc/x.ckpt")


def test_on_a_full_disk_the_lock_holds_without_a_name(tmp_path, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, "no space left")

    def look(net, history):
        assert (tmp_path / "f.lock").read_text() == ""
        with pytest.raises(xpnet.CheckpointError, match="is in use: another process has"):
            fit(tmp_path / "f")

    monkeypatch.setattr(os, "write", full)
    fit(tmp_path / "f", callbacks=look)
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("text", ["[]", "1", "{}", '{"process": 1e999}', '{"process": -1}'])
def test_a_file_that_names_no_process_is_no_lock(tmp_path, text):
    (tmp_path / "f.lock").write_text(text)
    with pytest.raises(xpnet.CheckpointError, match="is in the way: it is not the lock"):
        fit(tmp_path / "f")


def test_a_file_that_is_no_lock_stays(tmp_path):
    (tmp_path / "f.lock").write_text("mine\n")
    with pytest.raises(xpnet.CheckpointError, match="is in the way: it is not the lock"):
        fit(tmp_path / "f")
    assert (tmp_path / "f.lock").read_text() == "mine\n"
    assert os.listdir(tmp_path) == ["f.lock"]

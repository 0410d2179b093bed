"""The rules of Windows, forced on Linux: files and checkpoints are written and locked there too.

An open file can be neither renamed, removed nor replaced; no folder can be opened; a lock is one of
bytes, which others cannot read.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from types import SimpleNamespace

import pytest

import xpnet
from tests.support.checkpoint_edits import fit
from tests.support.checkpoints import left, network
from xpnet import file_system
from xpnet.whole_file import whole_file

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the open files of a process are in /proc"
)


def is_open(path):
    """Whether this process has the file open."""
    wanted = os.path.realpath(path)
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}") == wanted:
                return True
        except OSError:  # the descriptor of the listing
            continue
    return False


def refused(path):
    return PermissionError(errno.EACCES, "used by another process", os.fspath(path))


class ByteLocks:
    """msvcrt's locks: of bytes from the place in the file, by the number of the open file."""

    LK_NBLCK = 2

    def __init__(self):
        self._held = {}
        self.places = set()

    def locking(self, handle, mode, n):
        assert (mode, n) == (self.LK_NBLCK, 1)
        self.places.add(os.lseek(handle, 0, os.SEEK_CUR))
        found = os.fstat(handle).st_ino
        holder = self._held.get(found)
        if holder is not None and holder != handle and self._has(holder, found):
            raise PermissionError(errno.EACCES, "locked")
        self._held[found] = handle

    @staticmethod
    def _has(handle, inode):
        try:
            return os.fstat(handle).st_ino == inode  # else it was closed, which unlocks
        except OSError:
            return False


@pytest.fixture
def windows(monkeypatch):
    """Force the rules of Windows; return the locks."""
    replaces, unlinks, opens = os.replace, os.unlink, os.open
    locks = ByteLocks()

    def replace(old, new):
        if is_open(old) or is_open(new):
            raise refused(new)
        replaces(old, new)

    def unlink(path, **given):
        if is_open(path):
            raise refused(path)
        unlinks(path, **given)

    def opening(path, flags, *mode, **given):
        if os.path.isdir(path):
            raise refused(path)
        return opens(path, flags, *mode, **given)

    with monkeypatch.context() as patch:
        patch.setattr(file_system, "WINDOWS", True)
        patch.setattr(file_system, "fcntl", None)
        patch.setattr(file_system, "msvcrt", locks)
        for name, function in (("replace", replace), ("unlink", unlink), ("open", opening)):
            patch.setattr(os, name, function)
        yield locks


def test_the_rules_are_those_of_windows(tmp_path, windows):
    path = tmp_path / "f"
    with open(path, "wb"), pytest.raises(PermissionError):
        os.unlink(path)
    with open(path, "wb"), pytest.raises(PermissionError):
        os.replace(path, tmp_path / "g")
    with pytest.raises(PermissionError):
        os.open(tmp_path, os.O_RDONLY)


def test_a_model_file_is_written_and_replaced(tmp_path, windows):
    for _ in range(2):
        network().save(tmp_path / "m")
    assert xpnet.load(tmp_path / "m").sizes == (5, 8, 4)
    assert os.listdir(tmp_path) == ["m"]


def test_a_fit_goes_on_from_its_checkpoint(tmp_path, windows):
    class End(Exception):
        pass

    def end(net, history):
        if len(history.step_loss) == 8:
            raise End

    undisturbed = fit(tmp_path / "u", checkpoint_every=1)
    with pytest.raises(End):
        fit(tmp_path / "f", checkpoint_every=1, callbacks={"step_end": end})
    assert fit(tmp_path / "f", checkpoint_every=1) == undisturbed
    assert left(tmp_path / "f") == left(tmp_path / "u")
    assert sorted(os.listdir(tmp_path)) == ["f", "u"]


def test_a_second_fit_is_refused_and_can_read_who_has_the_lock(tmp_path, windows):
    def again(net, history):
        with pytest.raises(xpnet.CheckpointError, match="in use: another fit of this process"):
            fit(tmp_path / "f")
        seen.append(1)

    seen = []
    fit(tmp_path / "f", callbacks=again)
    assert seen
    assert windows.places == {1 << 30}  # far behind the text, which others may so read
    assert os.listdir(tmp_path) == ["f"]


def test_the_lock_of_a_process_that_has_ended_is_taken(tmp_path, windows):
    (tmp_path / "f.lock").write_text('{"process": 4711, "host": "elsewhere"}')
    fit(tmp_path / "f")
    assert os.listdir(tmp_path) == ["f"]


def test_a_reader_delays_the_replacement(tmp_path, windows, monkeypatch):
    path, pauses = tmp_path / "f", []
    path.write_bytes(b"old")
    with open(path, "rb") as reader:

        def pause(seconds):
            pauses.append(seconds)
            reader.close()

        monkeypatch.setattr(file_system, "time", SimpleNamespace(sleep=pause))
        with whole_file(path) as file:
            file.write(b"new")
    assert path.read_bytes() == b"new"
    assert len(pauses) == 1


def test_a_reader_that_stays_is_an_error_and_the_old_file_stays(tmp_path, windows, monkeypatch):
    path, pauses = tmp_path / "f", []
    path.write_bytes(b"old")
    monkeypatch.setattr(file_system, "time", SimpleNamespace(sleep=pauses.append))
    with open(path, "rb"), pytest.raises(PermissionError), whole_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert 0.5 < sum(pauses) < 2
    assert os.listdir(tmp_path) == ["f"]


def test_a_checkpoint_that_a_reader_holds_open_is_a_warning(tmp_path, windows, monkeypatch):
    wanted, path = fit(tmp_path / "u"), tmp_path / "f"
    path.write_bytes((tmp_path / "u").read_bytes())
    monkeypatch.setattr(file_system, "time", SimpleNamespace(sleep=lambda seconds: None))
    given = {"resume": False, "overwrite": True}
    with open(path, "rb"), pytest.warns(UserWarning, match="could not be written; the fit goes on"):
        assert fit(path, **given) == wanted
    assert sorted(os.listdir(tmp_path)) == ["f", "u"]


def test_files_that_a_killed_process_left_are_removed_once_they_are_old(tmp_path, windows):
    """A file that is about to be renamed has no lock for a moment."""
    new, old = (tmp_path / f".xpnet-{letter * 16}.tmp" for letter in "ab")
    for path in (new, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 100,) * 2)
    network().save(tmp_path / "m")
    assert sorted(os.listdir(tmp_path)) == [new.name, "m"]


def test_a_lock_that_another_process_holds_is_waited_for(tmp_path, windows, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"text")
    first, second = (os.open(path, os.O_RDWR) for _ in range(2))
    assert file_system.lock_handle(first) is True
    assert file_system.lock_handle(second, wait=False) is False
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        os.close(first)

    monkeypatch.setattr(file_system, "time", SimpleNamespace(sleep=pause))
    assert file_system.lock_handle(second) is True
    assert len(pauses) == 1
    assert os.read(second, 9) == b"text"  # the place in the file is as before
    os.close(second)


def test_without_any_locks_there_is_none(tmp_path, monkeypatch, windows):
    monkeypatch.setattr(file_system, "msvcrt", None)
    with open(tmp_path / "f", "wb") as file:
        assert file_system.lock_handle(file.fileno()) is None
    network().save(tmp_path / "m")
    assert xpnet.load(tmp_path / "m").sizes == (5, 8, 4)

"""Files are written completely or not at all, keep their mode, and leave nothing behind."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_posix
from tests.support.processes import python
from xpnet import whole_file as files
from xpnet.files.load import describe
from xpnet.tables import write_csv
from xpnet.whole_file import check_writable, open_regular, whole_file

NET = xpnet.Network([4, 3, 2], loss="cross_entropy")
X, LABELS = np.eye(4, dtype=np.float32), np.arange(4) % 2


def _csv(path: Path) -> None:
    write_csv(path, {"x": np.arange(3.0)})


def _page(path: Path) -> None:
    NET.explain(X, LABELS).save(path)


WRITERS = {"model": NET.save, "csv": _csv, "explain": _page}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


# --- modes


@needs_posix
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("before", [0o600, 0o640, 0o666, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, writer, before):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(before)
    WRITERS[writer](path)
    assert path.read_bytes() != b"old"
    assert mode(path) == before
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o000])
def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path, mask):
    before = os.umask(mask)
    try:
        with whole_file(tmp_path / "f") as file:
            file.write(b"new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "f") == 0o666 & ~mask


def test_the_umask_of_the_process_is_never_set(tmp_path, monkeypatch):
    def refuse(mask: int) -> int:
        raise AssertionError("os.umask is the whole process's")

    monkeypatch.setattr(os, "umask", refuse)
    for name, write in WRITERS.items():
        write(tmp_path / name)


@needs_posix
def test_a_private_file_is_private_while_it_is_written(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with whole_file(path):
        (temporary,) = (p for p in tmp_path.iterdir() if p != path)
        assert mode(temporary) == 0o600


@needs_posix
@pytest.mark.parametrize("error", [OSError(errno.EPERM, "no"), KeyboardInterrupt()])
def test_a_mode_that_cannot_be_kept_leaves_the_old_file(tmp_path, monkeypatch, error):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o666)

    def fail(*arguments: object) -> None:
        raise error

    before = os.umask(0o022)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "chmod", fail)
            with pytest.raises(type(error)):
                NET.save(path)
    finally:
        os.umask(before)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
@pytest.mark.skipif(
    os.name == "posix" and os.geteuid() != 0,
    reason="needs root, which alone may give a file to another user",
)
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    NET.save(path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, mode(path)) == (12345, 23456, 0o640)


@needs_posix
def test_a_write_protected_file_is_left_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    access = os.access  # as root, everything is writeable
    monkeypatch.setattr(os, "access", lambda p, m: p != str(path) and access(p, m))
    with pytest.raises(PermissionError, match="write-protected, so it is left"):
        NET.save(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


# --- links and other kinds of files


@needs_posix
@pytest.mark.parametrize("writer", WRITERS)
def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path, writer):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    WRITERS[writer](link)
    assert link.is_symlink()
    assert target.read_bytes() != b"old"
    assert mode(target) == 0o600
    assert os.listdir(tmp_path / "there") == ["target"]


@needs_posix
def test_a_link_into_a_missing_folder_is_an_error(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "missing" / "f")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        NET.save(tmp_path / "link")


@needs_posix
def test_a_name_of_the_greatest_length_is_written(tmp_path):
    path = tmp_path / ("m" * 255)
    NET.save(path)
    assert xpnet.load(path).sizes == NET.sizes


# --- reading


@needs_posix
@pytest.mark.parametrize("read", [xpnet.load, xpnet.files.load.describe, open_regular])
def test_nothing_is_read_from_pipes_devices_and_folders(tmp_path, read):
    """A pipe without a writer must not hang."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/zero"), tmp_path / "missing", tmp_path / "pipe" / "x"):
        with pytest.raises(FileNotFoundError, match=f"there is no .*{path}"):
            read(path)
    with pytest.raises(FileNotFoundError, match="there is no "):
        read("a\0b")


# --- the disk


@needs_posix
@pytest.mark.parametrize("code", ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF", "EIO", "EACCES"])
def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch, code):
    fsync = os.fsync

    def flush(handle: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(getattr(errno, code), "refused")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", flush)
    NET.save(tmp_path / "f")
    assert xpnet.load(tmp_path / "f").sizes == NET.sizes
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
def test_a_folder_that_cannot_be_opened_to_flush_it_is_no_error(tmp_path, monkeypatch):
    opens = os.open

    def refuse(path: str, flags: int, *mode: int) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "write-only")
        return opens(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    NET.save(tmp_path / "f")
    assert xpnet.load(tmp_path / "f").sizes == NET.sizes


@needs_posix
def test_a_folder_without_locks_is_written_to(tmp_path, monkeypatch):
    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    new, old = tmp_path / f".xpnet-{'a' * 16}.tmp", tmp_path / f".xpnet-{'b' * 16}.tmp"
    for path in (new, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 10 * files._OLD,) * 2)
    NET.save(tmp_path / "f")
    assert sorted(os.listdir(tmp_path)) == sorted([new.name, "f"])  # it may be in use


# --- files left by killed processes

KILLED = """
import os, signal, sys
from xpnet.whole_file import whole_file
with whole_file(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@needs_posix
@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_killed_process_left_is_swept_by_the_next_file(tmp_path, writer):
    path = tmp_path / "f"
    assert python("-c", KILLED, str(path)).returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 1
    assert not path.exists()
    other = [tmp_path / ".xpnet-mine.tmp", tmp_path / f".xpnet-{'0' * 16}.tmp.safetensors"]
    for mine in other:  # similar names of other files
        mine.write_bytes(b"mine")
    WRITERS[writer](path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *other])


@needs_posix
def test_a_file_that_is_being_written_is_not_swept(tmp_path):
    """However old it is: a second file in the same folder is written, and both are complete."""
    with whole_file(tmp_path / "slow") as slow:
        slow.write(b"begin ")
        (temporary,) = tmp_path.iterdir()
        os.utime(temporary, (0, 0))
        with whole_file(tmp_path / "quick") as quick:
            quick.write(b"quick")
        assert temporary.exists()
        slow.write(b"end")
    assert (tmp_path / "slow").read_bytes() == b"begin end"
    assert (tmp_path / "quick").read_bytes() == b"quick"
    assert sorted(os.listdir(tmp_path)) == ["quick", "slow"]


@needs_posix
def test_many_threads_write_into_one_folder(tmp_path):
    failed: list[BaseException] = []

    def write(n: int) -> None:
        try:
            for _ in range(20):
                with whole_file(tmp_path / f"f{n % 3}") as file:
                    file.write(b"%d" % n * 1000)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sorted(os.listdir(tmp_path)) == ["f0", "f1", "f2"]
    for path in tmp_path.iterdir():
        assert len(path.read_bytes()) == 1000


@needs_posix
def test_a_file_swept_between_its_creation_and_its_lock_is_created_again(tmp_path, monkeypatch):
    """Another process may lock the new file first and then remove it."""
    lock, swept = files.lock_handle, []

    def late(handle: int, wait: bool = True) -> bool | None:
        if wait and not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()
        return lock(handle, wait)

    monkeypatch.setattr(files, "lock_handle", late)
    with whole_file(tmp_path / "f") as file:
        file.write(b"whole")
    assert len(swept) == 1
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
def test_a_pipe_or_a_link_with_a_temporary_name_is_not_opened(tmp_path):
    pipe, link = tmp_path / f".xpnet-{'a' * 16}.tmp", tmp_path / f".xpnet-{'b' * 16}.tmp"
    os.mkfifo(pipe)
    (tmp_path / "precious").write_bytes(b"mine")
    link.symlink_to(tmp_path / "precious")
    NET.save(tmp_path / "f")
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert len(os.listdir(tmp_path)) == 4


def test_check_writable_takes_what_can_be_written(tmp_path):
    check_writable(tmp_path / "f")
    assert os.listdir(tmp_path) == []


# --- names of files


@pytest.mark.parametrize("path", [None, 3, True, 1.5, [], object()])
def test_what_is_no_name_of_a_file_is_a_type_error(path):
    for act in (xpnet.load, describe, *WRITERS.values()):
        with pytest.raises(TypeError, match=r"a file's name must be a str or a pathlib\.Path, got"):
            act(path)


@pytest.mark.parametrize("path", ["", "a\0b"])
@pytest.mark.parametrize("writer", WRITERS)
def test_no_file_is_written_under_no_name(path, writer):
    with pytest.raises(ValueError, match="a file's name must not be empty or contain NUL"):
        WRITERS[writer](path)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_name_may_be_bytes(tmp_path, writer):
    path = os.fsencode(tmp_path / "f")
    WRITERS[writer](path)
    assert os.listdir(tmp_path) == ["f"]
    if writer == "model":
        assert xpnet.load(path).sizes == NET.sizes

"""The cache of compiled code: who owns its folder, and how its files are checked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from tests.support.helpers import needs_numba, needs_posix
from tests.support.processes import environment
from xpnet.engines.loops import cache, own_folder

SOURCE = "def run():\n    return {}\n"


@pytest.fixture
def place(monkeypatch):
    """A cache folder below folders of the user only, in a process that has loaded nothing."""
    made = Path(tempfile.mkdtemp()).resolve()
    monkeypatch.setenv("XPNET_CACHE", str(made / "xpnet"))
    for kept in (cache._temporary, cache._in_place_of):
        kept.cache_clear()
    others = {name: sys.modules.pop(name) for name in [*sys.modules] if name.startswith("run_")}
    yield made / "xpnet"
    for name in [name for name in sys.modules if name.startswith("run_")]:
        del sys.modules[name]
    sys.modules.update(others)
    for kept in (cache._temporary, cache._in_place_of):
        kept.cache_clear()
    shutil.rmtree(made)


def mode(path):
    return oct(path.stat().st_mode & 0o777)


# --- the owner of the folder


@needs_posix
@pytest.mark.parametrize("mask", [0o022, 0o002, 0])
def test_it_is_made_for_the_user_alone(place, monkeypatch, mask):
    monkeypatch.setenv("XPNET_CACHE", str(place / "a" / "b"))
    before = os.umask(mask)
    try:
        assert cache.load(SOURCE.format(1))() == 1
        cache.mark_compiled(SOURCE.format(1))
    finally:
        os.umask(before)
    assert cache.folder() == place / "a" / "b"
    for folder in (place, place / "a", place / "a" / "b", place / "a" / "b" / "__pycache__"):
        assert mode(folder) == "0o700"
    files = [path for path in (place / "a" / "b").iterdir() if path.is_file()]
    assert len(files) == 2
    assert {mode(path) for path in files} == {"0o600"}


@needs_posix
@pytest.mark.parametrize("below", [".", "xpnet", "xpnet/__pycache__"])
@pytest.mark.parametrize("others", [0o777, 0o775, 0o757, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_used(place, below, others):
    """The folder itself, numba's folder in it, or one above it, in which it could be replaced."""
    cache.folder()
    open_one = place.parent / below
    open_one.chmod(others)
    if below == "." and others == 0o1777:
        assert cache.folder() == place  # sticky, like /tmp
        return
    with pytest.warns(UserWarning, match=f"others may write to {open_one}") as seen:
        used = [cache.folder() for _ in range(2)]
    assert len(seen) == 1
    assert used[0] == used[1] != place
    used = used[0]
    assert not cache.is_compiled(SOURCE)
    assert mode(used) == "0o700"
    assert cache.load(SOURCE.format(2))() == 2
    assert not list(place.glob("run_*"))


@needs_posix
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("owner", ["another", "root"])
def test_a_folder_of_another_user_is_not_used(place, monkeypatch, level, owner):
    """Only root may own a folder above it, because root can run anything in any case."""
    cache.folder()
    whose = [place / "__pycache__", place, place.parent][level]
    lstat = Path.lstat

    def seen(path):
        found = lstat(path)
        uid = 4321 if found.st_uid == os.getuid.real() else found.st_uid
        uid = {"another": 1234, "root": 0}[owner] if path == whose else uid
        return SimpleNamespace(st_mode=found.st_mode, st_uid=uid)

    user = Mock(return_value=4321, real=os.getuid)
    monkeypatch.setattr(os, "getuid", user)
    monkeypatch.setattr(Path, "lstat", seen)
    if owner == "root" and level == 2:
        assert own_folder.at_fault(place) is None
    else:
        assert own_folder.at_fault(place / "__pycache__") or own_folder.at_fault(place)
        with pytest.warns(UserWarning, match=f"{whose} belongs to another user"):
            assert cache.folder() != place


@needs_posix
def test_a_link_is_followed_before_it_is_looked_at(place, monkeypatch):
    elsewhere = place.parent / "open"
    elsewhere.mkdir()
    (place.parent / "link").symlink_to(elsewhere)
    monkeypatch.setenv("XPNET_CACHE", str(place.parent / "link"))
    assert cache.folder() == elsewhere
    elsewhere.chmod(0o777)
    with pytest.warns(UserWarning, match=f"others may write to {elsewhere}"):
        assert cache.folder() != elsewhere


@needs_posix
def test_numbas_files_in_a_folder_that_is_a_link_are_not_used(place):
    place.mkdir(0o700)
    (place.parent / "open").mkdir()
    (place / "__pycache__").symlink_to(place.parent / "open")
    with pytest.warns(UserWarning, match="__pycache__ is not a folder"):
        assert cache.folder() != place


# --- the files in the folder


def test_the_source_that_was_compared_is_what_runs(place):
    """Python would run a .pyc file instead if only its time and size match."""
    import importlib.util
    import py_compile

    source, planted = SOURCE.format(1), SOURCE.format(9)
    cache.load(source)
    (file,) = place.glob("run_*.py")
    changed = file.stat().st_mtime_ns
    file.write_text(planted)
    os.utime(file, ns=(changed, changed))
    py_compile.compile(str(file), importlib.util.cache_from_source(str(file)))
    file.write_text(source)
    os.utime(file, ns=(changed, changed))
    del sys.modules[file.stem]
    assert cache.load(source)() == 1


def test_a_link_in_place_of_a_source_is_replaced(place):
    source, victim = SOURCE.format(1), place.parent / "mine.txt"
    cache.load(source)
    (file,) = place.glob("run_*.py")
    for target in (source, "not to be written to"):
        victim.write_text(target)
        file.unlink()
        file.symlink_to(victim)
        del sys.modules[file.stem]
        assert cache.load(source)() == 1
        assert file.read_text() == source
        assert not file.is_symlink()
        assert victim.read_text() == target


def test_a_folder_in_place_of_a_source_is_left_alone(place):
    source = SOURCE.format(1)
    cache.load(source)
    (file,) = place.glob("run_*.py")
    file.unlink()
    file.mkdir()
    del sys.modules[file.stem]
    assert cache.load(source)() == 1
    assert file.is_dir()


# --- damage: digests are checked before anything is read


class Compiled:
    """A stand-in for numba's compiled function of `SOURCE`."""

    def __init__(self, place):
        class Stats:
            cache_path = str(place / "__pycache__")

        self.stats = Stats

    def __call__(self):
        return 1


@pytest.fixture
def kept(place):
    """Two of numba's files with their digests."""
    source = SOURCE.format(1)
    cache.load(source)
    (file,) = place.glob("run_*.py")
    sys.modules[file.stem].run = Compiled(place)
    files = [place / "__pycache__" / f"{file.stem}.run-4.py311.{end}" for end in ("nbi", "1.nbc")]
    for each in files:
        each.write_bytes(os.urandom(8))
    cache.mark_compiled(source)
    return source, files, next(place.glob("*.compiled"))


def test_undamaged_files_are_kept(kept):
    source, files, _ = kept
    cache.check(source)
    assert all(file.exists() for file in files)


def test_every_flipped_bit_is_seen(kept):
    """In numba's files or in the digests: the program is compiled anew."""
    source, files, mark = kept
    whole = {file: file.read_bytes() for file in (*files, mark)}
    for file, data in whole.items():
        for k in range(0, 8 * len(data), 7 if file is mark else 1):
            for each in (*files, mark):
                each.write_bytes(whole[each])
            damaged = bytearray(data)
            damaged[k // 8] ^= 1 << k % 8
            file.write_bytes(damaged)
            cache.check(source)
            assert not any(each.exists() for each in files), (file.name, k)


@pytest.mark.parametrize("what", ["lost", "cut", "more", "unmarked", "empty mark", "folder"])
def test_other_damage_is_seen_too(kept, what):
    source, files, mark = kept
    if what == "lost":
        files[1].unlink()
    elif what == "cut":
        files[1].write_bytes(files[1].read_bytes()[:-1])
    elif what == "more":
        files[1].with_name(files[1].name.replace(".1.", ".2.")).write_bytes(b"machine code")
    elif what == "unmarked":
        mark.unlink()
    elif what == "empty mark":
        mark.write_bytes(b"")
    else:
        mark.unlink()
        mark.mkdir()
    cache.check(source)
    assert not any(file.exists() for file in files)


def test_a_link_in_place_of_numbas_file_is_not_followed(kept):
    source, files, _ = kept
    aside = files[1].with_name("aside")
    files[1].rename(aside)
    files[1].symlink_to(aside)
    cache.check(source)
    assert not any(file.is_symlink() for file in files)
    assert aside.exists()


# --- with numba

TINY = """from xpnet.engines.loops.runtime import *


@compiled
def run(x):
    for i in range(x.shape[0]):
        x[i] += i
"""


def compiled(place):
    """Load and run the program as a new process would; return the number of compilations."""
    for name in [name for name in sys.modules if name.startswith("run_")]:
        del sys.modules[name]
    cache.prepare(TINY, lambda: cache.load(TINY)(np.zeros(0)))
    run, x = cache.load(TINY), np.ones(4)
    run(x)
    assert x.tolist() == [1, 2, 3, 4]
    return sum(run.stats.cache_misses.values())


@needs_numba
def test_it_is_compiled_once(place):
    assert [compiled(place) for _ in range(3)] == [1, 0, 0]


@needs_numba
@pytest.mark.parametrize("end", [".nbi", ".nbc", ".compiled"])
def test_what_is_damaged_is_compiled_anew_once(place, end):
    compiled(place)
    (file,) = place.rglob(f"*{end}")
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    file.write_bytes(damaged)
    assert [compiled(place) for _ in range(2)] == [1, 0]


@needs_numba
@pytest.mark.parametrize("end", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "text",
    [b"", b"\x80\x04", b"\x80\x04]q.", b"cos\nnothing\n.", b"\x80\x04K\x01.\x80\x04K\x01."],
    ids=["EOFError", "UnpicklingError", "TypeError", "AttributeError", "version"],
)
def test_any_error_of_a_first_call_is_compiled_anew(place, end, text):
    """For example, the files' digests are right, but numba cannot load them."""
    compiled(place)
    (file,) = place.rglob(f"*{end}")
    file.write_bytes(text)
    cache.mark_compiled(TINY)
    assert compiled(place) == 1
    assert compiled(place) == 0


@needs_numba
def test_a_disk_that_is_full_costs_no_fit(place, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cache, "_put", lambda path, data: path.write_bytes(data))
        patch.setattr(os, "replace", full)  # numba writes its files with it
        assert compiled(place) == 1
    assert [compiled(place) for _ in range(2)] == [1, 0]


@needs_numba
def test_two_processes_at_once(place):
    """Whichever process is second, the remaining files are undamaged."""
    code = (
        "import numpy as np\n"
        "from xpnet.engines.loops import cache\n"
        f"cache.prepare({TINY!r}, lambda: cache.load({TINY!r})(np.zeros(0)))\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    both = [subprocess.Popen(command, env=environment()) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    compiled(place)
    assert compiled(place) == 0


@needs_numba
@needs_posix
def test_numbas_own_folder_is_looked_at_too(place, monkeypatch):
    """$NUMBA_CACHE_DIR has precedence over the folder of the source."""
    import numba

    elsewhere = place.parent / "numba"
    elsewhere.mkdir()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(elsewhere))
    assert [compiled(place) for _ in range(2)] == [1, 0]
    elsewhere.chmod(0o777)
    for file in elsewhere.rglob("*.nb?"):
        file.write_bytes(b"planted")
    cache.mark_compiled(TINY)
    with pytest.warns(UserWarning, match=f"others may write to {elsewhere}"):
        compiled(place)
    assert {file.read_bytes() for file in elsewhere.rglob("*.nb?")} == {b"planted"}

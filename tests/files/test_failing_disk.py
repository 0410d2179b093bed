"""A disk that fails while a file is written: the file is the old or the new one."""

from __future__ import annotations

import errno
import sys

import pytest

from tests.support.helpers import needs_posix

if sys.platform != "win32":  # Windows has no module resource
    from benchmarks import disk
else:  # pragma: no cover
    disk = None

pytestmark = needs_posix
FILES = ("checkpoint", "model", "table's model", "CSV")


@pytest.mark.parametrize("name", FILES)
def test_whatever_call_fails(tmp_path, name):
    counts, wrong = disk.failed(name, tmp_path)
    assert wrong == []
    assert counts["old"] >= 2
    assert counts["new"] >= 2  # what fails after the file has its name


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_may_not_grow(tmp_path, name):
    counts, wrong = disk.limited(name, tmp_path)
    assert wrong == []
    assert counts["old"] >= 2
    assert counts["new"] >= 1


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk(tmp_path, name):
    found = disk.mounted(name, tmp_path)
    if found is None:
        pytest.skip("needs the right to mount a tmpfs: run it as root, or under unshare -rm")
    counts, wrong = found
    assert wrong == []
    assert counts["old"] >= 3


def test_the_check_sees_a_file_that_is_written_in_place(tmp_path, monkeypatch):
    """A writer that opens the file itself loses the old content."""

    def in_place(path, version):
        with disk.os.fdopen(disk.os.open(path, disk.os.O_WRONLY | disk.os.O_CREAT), "wb") as file:
            file.write(b"a,b\n" + b"%d,1\n" % version * 9)

    monkeypatch.setitem(disk.WRITERS, "CSV", disk.WRITERS["CSV"]._replace(write=in_place))
    _, wrong = disk.failed("CSV", tmp_path)
    assert any("call 3" in each and errno.errorcode[errno.EIO] in each for each in wrong)

"""What a file's reader says of a file that changes, and of settings that differ."""

from __future__ import annotations

import pytest

import xpnet
from xpnet.files.container import Container
from xpnet.files.jsonable import check_known


def test_the_message_says_what_is_there_and_what_must_be():
    for found, written, said in (
        ({"sizes": [1, 3]}, {"sizes": [1, 4]}, "must be 4, got 3"),
        ([1], [2], "must be 2, got 1"),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, "must be 'y', got 'x'"),
    ):
        with pytest.raises(ValueError, match=said):
            check_known(found, written)


class Shortened:
    """A file from which another process cuts the end while it is read."""

    def __init__(self, file):
        self._file, self.fileno = file, file.fileno

    def read(self, n):
        return self._file.read(n)[: n if n == 8 else n - 1]  # the length of the header is whole


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(tmp_path):
    xpnet.Network([2, 1]).save(tmp_path / "f")
    with (
        open(tmp_path / "f", "rb") as file,
        pytest.raises(ValueError, match="it became shorter while it was read"),
    ):
        Container(Shortened(file))

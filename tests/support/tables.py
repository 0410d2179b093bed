"""A user's table as a file or as a data frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.helpers import needed

MAKERS = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path to which a test may write its table."""
    return tmp_path / "t.csv"


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def frame_of(library: str, data: dict) -> object:
    """Return the data as a frame of a library, or skip the test."""
    needed("narwhals")
    return getattr(needed(library), MAKERS[library])(data)

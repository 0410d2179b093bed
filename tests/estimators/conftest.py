"""Without scikit-learn, only `test_without_scikit_learn` is collected."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.tables import frame_of

HERE = Path(__file__).parent
NEEDS_NOTHING = {"conftest.py", "test_without_scikit_learn.py"}

needs_it = [path.name for path in HERE.glob("*.py") if path.name not in NEEDS_NOTHING]
collect_ignore = [] if find_spec("sklearn") else needs_it


@pytest.fixture
def frame():
    """The table of `tests.support.tabular` as a data frame of pandas."""
    from tests.support.tabular import DATA  # needs scikit-learn

    return frame_of("pandas", DATA)

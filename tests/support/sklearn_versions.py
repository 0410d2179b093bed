"""What older versions of scikit-learn lack."""

from __future__ import annotations

import pytest
import sklearn

__all__ = ["VERSION", "since_1_7"]

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))


def since_1_7(what: str) -> pytest.MarkDecorator:
    """Return a mark that skips the test before scikit-learn 1.7, which brought ``what``."""
    return pytest.mark.skipif(VERSION < (1, 7), reason=f"scikit-learn 1.7 brought {what}")

"""The fixtures of the tests of tables."""

from tests.support.tables import path

__all__ = ["path"]

"""The fixtures of the tests of files."""

from tests.support.checkpoint_edits import middle

__all__ = ["middle"]

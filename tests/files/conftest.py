"""The fixtures of the tests of files."""

from tests.support.checkpoint_edits import middle
from tests.support.model_files import layered, path

__all__ = ["layered", "middle", "path"]

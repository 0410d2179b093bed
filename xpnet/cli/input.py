"""What the commands read: a file, or standard input, which is called "-"."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from xpnet.tables import Table, read_table
from xpnet.tables.csv_files import parse_csv

__all__ = ["STDIN", "check_input", "is_stdin", "read_input"]

STDIN = "standard input"


def is_stdin(path: Path) -> bool:
    """Whether it is "-"."""
    return str(path) == "-"


def check_input(path: Path) -> None:
    """Raise, before any work, for a file that is not there."""
    if not is_stdin(path) and not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")


def read_input(path: Path) -> Table:
    """The table of a file, by its ending; of standard input, as CSV."""
    if not is_stdin(path):
        return read_table(path)
    stream: Any = sys.stdin
    if not hasattr(stream, "buffer"):  # text, where a program put something in its place
        return parse_csv(io.BytesIO(stream.read().encode()), STDIN)
    return parse_csv(stream.buffer, STDIN)

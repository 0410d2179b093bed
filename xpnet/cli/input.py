"""Read the input of a command: a file, or standard input if its name is "-"."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from xpnet.tables import Table, read_table
from xpnet.tables.csv_files import parse_csv
from xpnet.tables.given import address_hint

__all__ = ["STDIN", "check_input", "is_stdin", "read_input"]

STDIN = "standard input"


def is_stdin(path: Path) -> bool:
    """Whether the path is "-"."""
    return str(path) == "-"


def check_input(path: Path) -> None:
    """Raise before any work if the file does not exist."""
    if not is_stdin(path) and not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}{address_hint(str(path))}")


def read_input(path: Path) -> Table:
    """Read a table from a file, by its ending, or from standard input, as CSV."""
    if not is_stdin(path):
        return read_table(path)
    stream: Any = sys.stdin
    if not hasattr(stream, "buffer"):  # a text stream that a program put in its place
        return parse_csv(io.BytesIO(stream.read().encode()), STDIN)
    return parse_csv(stream.buffer, STDIN)

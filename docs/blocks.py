"""The Python blocks of a page, and what they define."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["FENCE", "run"]

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
"""A fenced block: its language and its text."""


def run(page: Path) -> dict[str, Any]:
    """Run the page's Python blocks from top to bottom in one namespace, and give that.

    Raises
    ------
    ValueError
        A block is indented, so that it would be passed over.
    """
    text = page.read_text(encoding="utf-8")
    blocks = [block for block in FENCE.finditer(text) if block[1] == "python"]
    if len(blocks) != text.count("```python"):
        raise ValueError(f"{page.name}: a Python block is indented, move it to the margin")
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in blocks:
        above = text[: block.start(2)].count("\n")  # so that a traceback has the page's lines
        source = "\n" * above + block[2]
        exec(compile(source, str(page), "exec", dont_inherit=True), namespace)  # as in a shell
    return namespace

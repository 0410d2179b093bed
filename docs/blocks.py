"""The blocks of a page that are run, and what they define."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["FENCE", "run"]

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
"""A fenced block: its language and its text."""


def run(page: Path, console: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Run the page's Python blocks from top to bottom in one namespace, and give that.

    ``console`` gets the text of each ```console block, in its turn; without it they are passed
    over.

    Raises
    ------
    ValueError
        A block is indented, so that it would be passed over.
    """
    text = page.read_text(encoding="utf-8")
    wanted = ("python",) if console is None else ("python", "console")
    blocks = [block for block in FENCE.finditer(text) if block[1] in wanted]
    if len(blocks) != sum(text.count(f"```{language}") for language in wanted):
        raise ValueError(f"{page.name}: a block is indented, move it to the margin")
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in blocks:
        if block[1] == "console" and console is not None:
            console(block[2])
            continue
        above = text[: block.start(2)].count("\n")  # so that a traceback has the page's lines
        source = "\n" * above + block[2]
        exec(compile(source, str(page), "exec", dont_inherit=True), namespace)  # as in a shell
    return namespace

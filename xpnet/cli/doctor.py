"""``xpnet doctor``: measure this machine, and say what would make it faster."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from xpnet.cli.terminal import say
from xpnet.doctor import Report, examine, findings
from xpnet.doctor.compiled import fill_cache
from xpnet.errors import printable

__all__ = ["add_parser"]

_INDENT = 10  # width of the topic in characters


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet doctor``."""
    parser = commands.add_parser(
        "doctor",
        help="measure this machine and say what would make it faster",
        description="Measure matrix products and a training step on every array library, name the "
        "BLAS and its kernels, look for numba and CUDA, and say how to install what is missing.",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the results as JSON, for programs"
    )
    parser.add_argument(
        "--compile", action="store_true", help="only fill the cache of compiled code"
    )
    parser.set_defaults(run=run, check=lambda _: None)


def run(options: argparse.Namespace) -> int:
    """Print the findings; the exit status is always 0."""
    if options.compile:
        say(fill_cache())
    elif options.json:
        say(json.dumps(asdict(examine()), indent=1, ensure_ascii=False))
    else:
        _show(_examined())
    return 0


def _examined() -> Report:
    """Return the report; on a terminal with rich, show a status line during the measurements."""
    if find_spec("rich") is None:
        return examine()
    from rich.console import Console

    with Console(stderr=True).status("measuring this machine …"):
        return examine()


def _show(report: Report) -> None:
    """Print the findings, in colours on a terminal with rich and plain elsewhere."""
    line = _coloured() if find_spec("rich") else _plain_line
    for topic, text, remedy in findings(report):
        line((f"{topic:{_INDENT}}", "bold"), _plain(text))
        if remedy is not None:
            line(" " * _INDENT, (f"→ {_plain(remedy)}", "green"))


def _coloured() -> Callable[..., None]:
    """Return a function that prints the parts of a line, each a text or (text, style)."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    return lambda *parts: console.print(Text.assemble(*parts))


def _plain_line(*parts: str | tuple[str, str]) -> None:
    """Print the same parts without styles."""
    say("".join(part if isinstance(part, str) else part[0] for part in parts))


def _plain(text: str) -> str:
    return printable(text, len(text))

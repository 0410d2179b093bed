"""``xpnet doctor``: measure this machine, and say what would make it faster."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
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
    """Return the report; on a terminal, show a status line during the measurements."""
    from rich.console import Console

    with Console(stderr=True).status("measuring this machine …"):
        return examine()


def _show(report: Report) -> None:
    """Print the findings, in colours on a terminal and plain elsewhere."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    for topic, text, remedy in findings(report):
        console.print(Text.assemble((f"{topic:{_INDENT}}", "bold"), _plain(text)))
        if remedy is not None:
            console.print(Text.assemble(" " * _INDENT, (f"→ {_plain(remedy)}", "green")))


def _plain(text: str) -> str:
    return printable(text, len(text))

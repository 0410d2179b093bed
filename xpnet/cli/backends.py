"""``xpnet backends``: list the array libraries that this machine can use."""

from __future__ import annotations

import argparse
from typing import Any

from xpnet.backends import available_backends
from xpnet.cli.terminal import say

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the options of ``xpnet backends``."""
    parser = commands.add_parser(
        "backends",
        help="list the array libraries that this machine can use",
        description="List the array libraries that this machine can use, and why not the others.",
    )
    parser.set_defaults(run=run, check=lambda _: None)


def run(options: argparse.Namespace) -> int:
    """Print one line for each backend."""
    for row in available_backends():
        state = ", ".join(row.devices) if row.usable else f"not usable: {row.reason}"
        say(f"{row.name:18}{row.version or '–':14}{state}")
    return 0

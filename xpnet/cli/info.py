"""``xpnet info model.safetensors``: what a model file holds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from xpnet.checkpoint import describe, load

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """The options of ``xpnet info``."""
    parser = commands.add_parser(
        "info", help="describe a model file", description="Describe a model file."
    )
    parser.add_argument("model", type=Path, help="a file that xpnet wrote")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table of layers and the settings."""
    settings = describe(options.model)
    print(f"{options.model}: {options.model.stat().st_size:,} bytes")
    print(f"written by xpnet {settings['xpnet_version']} after {settings['epoch']} epochs")
    print(f"seed {settings['seed']}, initializer {settings['initializer'] or 'by activation'}")
    print(load(options.model).summary())
    return 0

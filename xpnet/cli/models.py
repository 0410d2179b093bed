"""The model files that the commands write and read."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["model_file"]


def model_file(options: argparse.Namespace) -> Path:
    """Return the file that training writes: --out, or the data's name in the working folder."""
    out: Path | None = options.out
    return out or Path(f"{Path(options.data).stem}.safetensors")

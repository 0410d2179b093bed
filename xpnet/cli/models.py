"""The model files that the commands write and read."""

from __future__ import annotations

import argparse
from pathlib import Path

from xpnet.cli.options import UsageError
from xpnet.errors import quoted
from xpnet.files.save import is_model
from xpnet.tables.reading import PARQUET

__all__ = ["check_order", "model_file"]


def check_order(model: Path, data: Path) -> None:
    """Raise if ``model`` is a file that is no model, and ``data`` is one, or the names say so."""
    if not model.is_file() or is_model(model):
        return
    suffixes = data.suffix == ".safetensors" or model.suffix.lower() in (".csv", *PARQUET)
    if suffixes or (data.is_file() and is_model(data)):
        raise UsageError(
            f"{quoted(str(model))} is not a model file (it is a table?): the order is MODEL TABLE"
        )


def model_file(options: argparse.Namespace) -> Path:
    """Return the file that training writes: --out, or the data's name in the working folder."""
    out: Path | None = options.out
    return out or Path(f"{Path(options.data).stem}.safetensors")

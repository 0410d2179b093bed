"""The model files that the commands write and read."""

from __future__ import annotations

import argparse
from pathlib import Path

from xpnet.cli.options import UsageError
from xpnet.errors import quoted
from xpnet.files.save import is_model
from xpnet.tables.compressed import plain_name
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
    """Return the file that training writes: --out, or the data's name in the working folder.

    A model of de.csv.gz is de.safetensors. It was de.csv.safetensors, which is written again if it
    is there and the other is not, so that whoever reads it gets the new model.
    """
    out: Path | None = options.out
    name = Path(options.data).name
    found, older = (Path(f"{Path(n).stem}.safetensors") for n in (plain_name(name), name))
    return out or (older if older.is_file() and not found.exists() else found)

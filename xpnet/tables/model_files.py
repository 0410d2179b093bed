"""The schema in a model file, beside the network."""

from __future__ import annotations

import os

from xpnet.checkpoint import describe, save
from xpnet.network import Network
from xpnet.tables.schema import Schema

__all__ = ["read_schema", "save_model"]

_KEY = "schema"


def save_model(net: Network, schema: Schema, path: str | os.PathLike[str]) -> None:
    """Write the network and the schema to one model file, whole or not at all."""
    save(net, path, extra={_KEY: schema.to_json()})


def read_schema(path: str | os.PathLike[str]) -> Schema | None:
    """The schema in a model file; None for a model that was not trained on a table.

    Raises
    ------
    FileNotFoundError, ValueError
        No file, one that is no model, or a schema that is damaged.
    """
    text = describe(path)["extra"].get(_KEY)
    if text is None:
        return None
    try:
        return Schema.from_json(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} has a schema that can't be used: {error}") from error

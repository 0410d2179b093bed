"""The schema in a model file, beside the network."""

from __future__ import annotations

import os

from xpnet.checkpoint import describe, save
from xpnet.container import blaming
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
    FileNotFoundError
        There is no such file.
    FileError
        It is no model, or is damaged, or its schema is.
    """
    text = describe(path)["extra"].get(_KEY)
    if text is None:
        return None
    with blaming(os.fspath(path), "has a schema that can't be used"):
        return Schema.from_json(text)
